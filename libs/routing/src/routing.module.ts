import { Module } from '@nestjs/common';
import { Config } from '#libs/config';
import { Clock } from '#libs/kernel';
import { Catalogue } from './catalogue.js';
import { compileDeployments } from './compile-deployments.js';
import { Router } from './router.js';

@Module({
  providers: [
    {
      provide: Catalogue,
      useFactory: (config: Config) =>
        new Catalogue(compileDeployments(config.models, config.environment), config.router.modelGroupAlias),
      inject: [Config],
    },
    {
      provide: Router,
      useFactory: (catalogue: Catalogue, clock: Clock, config: Config) =>
        new Router(catalogue, clock, config.router),
      inject: [Catalogue, Clock, Config],
    },
  ],
  exports: [Catalogue, Router],
})
export class RoutingModule {}
