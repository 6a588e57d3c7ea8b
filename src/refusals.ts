import type { DecisionLog } from '#libs/decisions';
import type { GatewayError, Principal } from '#libs/kernel';

/** As Express and the guards leave it: the caller, and the pattern of the route that matched. */
interface Refused {
  readonly method: string;
  readonly user?: unknown;
  readonly route?: { readonly path?: unknown };
  readonly res?: { getHeader(name: string): unknown };
}

/** What the error filter tells of: every refusal on a route of Nest's is noted, by the declared route and never by the URL. */
export function refusalsOf(decisions: DecisionLog): (error: GatewayError, request: object) => void {
  return (error, request) => {
    const { method, user, route, res } = request as Refused;
    const path =
      typeof route?.path === 'string' ? route.path.replaceAll(/:(\w+)/g, '{$1}') : '(no such route)';
    const requestId = res?.getHeader('x-litellm-call-id');
    decisions.note(error, {
      principal: (user ?? undefined) as Principal | undefined,
      route: `${method} ${path}`,
      requestId: typeof requestId === 'string' ? requestId : undefined,
      isCompletion: false,
    });
  };
}
