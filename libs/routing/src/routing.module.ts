import { Module } from '@nestjs/common';
import { Config } from '#libs/config';
import { Clock } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { Catalogue } from './catalogue.js';
import { compileDeployments } from './compile-deployments.js';
import { DeploymentNews } from './deployment-news.js';
import { Router, type RouterSettings } from './router.js';

/** Settings as they are now: an administrator may change them while calls run. */
function liveSettings(config: Config): RouterSettings {
  return {
    get cooldownMs() {
      return config.router.cooldownMs;
    },
    get allowedFails() {
      return config.router.allowedFails;
    },
    get disableCooldowns() {
      return config.router.disableCooldowns;
    },
    get enableTagFiltering() {
      return config.router.enableTagFiltering;
    },
  };
}

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
      useFactory: (catalogue: Catalogue, clock: Clock, config: Config, logger: Logger) =>
        new Router(catalogue, clock, liveSettings(config), Math.random, new DeploymentNews(clock, logger)),
      inject: [Catalogue, Clock, Config, Logger],
    },
  ],
  exports: [Catalogue, Router],
})
export class RoutingModule {}
