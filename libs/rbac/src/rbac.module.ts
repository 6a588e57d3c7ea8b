import { Module } from '@nestjs/common';
import { DeclaredRoutes } from './declared-routes.js';
import { Network } from './network.js';
import { PassThroughAccess } from './pass-through-access.js';
import { GateGuard, PolicyGuard } from './policy.guard.js';
import { RouteAccess } from './route-access.js';

/** Route policy, network and model access. Boot registers the guards in their order: GateGuard, authentication, PolicyGuard. */
@Module({
  providers: [RouteAccess, DeclaredRoutes, Network, PassThroughAccess, GateGuard, PolicyGuard],
  exports: [RouteAccess, DeclaredRoutes, Network, PassThroughAccess, GateGuard, PolicyGuard],
})
export class RbacModule {}
