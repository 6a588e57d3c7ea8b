import { createParamDecorator, type ExecutionContext, RequestMapping, RequestMethod } from '@nestjs/common';
import { GatewayError, type Principal } from '#libs/kernel';
import { type RouteId, routerPathOf } from './policy.js';

const ROUTES = Symbol('tollgate:routes');

/**
 * Maps a handler to its rows of the policy table: method, path and permission in one word, so that a route cannot exist
 * without a policy (an undeclared name does not compile). Several routes may share a handler when their method is one.
 */
export function Handles(first: RouteId, ...others: RouteId[]): MethodDecorator {
  const routes = [first, ...others];
  const mapped = routes.map(routerPathOf);
  const methods = new Set(mapped.map(({ method }) => method));
  if (methods.size !== 1) throw new Error(`One handler serves one method: ${routes.join(', ')}`);
  const method = RequestMethod[mapped[0]?.method as keyof typeof RequestMethod];
  const map = RequestMapping({ method, path: mapped.map(({ path }) => path) });
  return (target, name, descriptor: PropertyDescriptor) => {
    Reflect.defineMetadata(ROUTES, routes, descriptor.value as object);
    return map(target, name, descriptor);
  };
}

/** The rows a handler declared; undefined when it declared none. */
export function routesOf(handler: object): readonly RouteId[] | undefined {
  return Reflect.getMetadata(ROUTES, handler) as readonly RouteId[] | undefined;
}

/** The caller, as the authentication guard left it on the request (`request.user`, Passport's own place). */
export function principalOf(request: { user?: unknown }): Principal {
  if (request.user === undefined) {
    // Only a public handler gets here: it asked for a caller it can never have.
    throw new GatewayError('internal.unexpected', 'The request has no caller.', {
      internal: 'Caller() on a public route',
    });
  }
  return request.user as Principal;
}

/** Parameter decorator: the Principal of the request. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal =>
  principalOf(context.switchToHttp().getRequest<{ user?: unknown }>()),
);
