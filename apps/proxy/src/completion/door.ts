import { Injectable } from '@nestjs/common';
import { Draining } from '#libs/http';
import { assertNetworkAllowed, assertRouteAllowed, Network, RouteAccess } from '#libs/rbac';
import type { Call } from './call.js';

/** What is asked of a call before anybody looks at its credential. */
@Injectable()
export class Door {
  constructor(
    private readonly draining: Draining,
    private readonly network: Network,
    private readonly routes: RouteAccess,
  ) {}

  /** Throws while no calls are taken, for a network that may not be here, and for a route that is closed to all. */
  assertOpen(call: Call): void {
    this.draining.assertServing();
    if (!this.network.isOpen) {
      assertNetworkAllowed(
        this.network.decide(call.request.socket.remoteAddress, call.header('x-forwarded-for')),
      );
    }
    assertRouteAllowed(this.routes.decideProxyWide(call.route.policy));
  }
}
