import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { GatewayError, type Principal } from '#libs/kernel';
import { DeclaredRoutes } from './declared-routes.js';
import { type Arrival, assertNetworkAllowed, forwardedForOf, Network } from './network.js';
import { policyOf } from './policy.js';
import { assertRouteAllowed, RouteAccess } from './route-access.js';

interface IncomingRequest extends Arrival {
  user?: Principal;
}

/** What is asked before any credential is looked at: the caller's network, and the routes the operator closed. Runs first. */
@Injectable()
export class GateGuard implements CanActivate {
  constructor(
    private readonly routes: DeclaredRoutes,
    private readonly access: RouteAccess,
    private readonly network: Network,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const route = this.routes.routeOf(context);
    const request = context.switchToHttp().getRequest<IncomingRequest>();
    if (policyOf(route).anyNetwork !== true)
      assertNetworkAllowed(this.network.decide(request.socket?.remoteAddress, forwardedForOf(request)));
    assertRouteAllowed(this.access.decideProxyWide(route));
    return true;
  }
}

/** Lets a caller reach a handler when the handler's row of the policy table says so. Runs after authentication; a handler without a row, or a caller nobody authenticated, is refused. */
@Injectable()
export class PolicyGuard implements CanActivate {
  constructor(
    private readonly routes: DeclaredRoutes,
    private readonly access: RouteAccess,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const route = this.routes.routeOf(context);
    if (this.access.isPublic(route)) return true;
    const { user } = context.switchToHttp().getRequest<IncomingRequest>();
    if (user === undefined)
      throw new GatewayError('auth.credential_missing', 'No api key passed in.', { param: 'None' });
    assertRouteAllowed(this.access.decide(route, user), user);
    return true;
  }
}
