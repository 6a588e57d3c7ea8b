import { type ExecutionContext, Injectable } from '@nestjs/common';
import { GatewayError } from '#libs/kernel';
import { routesOf } from './handles.js';
import { type RouteId, routerPathOf } from './policy.js';
import { RouteAccess } from './route-access.js';

/** Which row of the policy table a request runs under: told by the handler that matched, never by the URL. */
@Injectable()
export class DeclaredRoutes {
  constructor(private readonly access: RouteAccess) {}

  /** The matched row. Throws `rbac.route_denied` for a handler without one: what is not declared is not open. */
  routeOf(context: ExecutionContext): RouteId {
    const declared = routesOf(context.getHandler());
    const only = declared?.length === 1 ? declared[0] : this.#matched(declared ?? [], context);
    if (only !== undefined) return only;
    throw new GatewayError('rbac.route_denied', 'Access forbidden: this route is not open.', {
      param: 'None',
      internal: `${context.getClass().name}.${context.getHandler().name} has no row in the policy table`,
    });
  }

  /** Whether the handler is answered without a credential. */
  isPublic(context: ExecutionContext): boolean {
    return this.access.isPublic(this.routeOf(context));
  }

  /** Whether a caller without a credential may reach the handler, as nobody in particular. */
  isOpened(context: ExecutionContext): boolean {
    return this.access.isOpened(this.routeOf(context));
  }

  /** Several routes on one handler: the router says which of its own patterns matched. */
  #matched(declared: readonly RouteId[], context: ExecutionContext): RouteId | undefined {
    const pattern = context.switchToHttp().getRequest<{ route?: { path?: unknown } }>().route?.path;
    if (typeof pattern !== 'string') return undefined;
    // `endsWith` because SERVER_ROOT_PATH stands before the pattern; the longest wins, as /v1/models also ends in /models.
    return declared
      .filter((route) => pattern.endsWith(routerPathOf(route).path))
      .sort((a, b) => b.length - a.length)[0];
  }
}
