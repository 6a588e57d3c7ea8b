import { Global, Inject, Module, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '#libs/config';
import { Clock, type Scope, type ScopeType } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { Counters } from './counters.js';
import { LocalCounters } from './local-counters.js';
import { RedisCounters } from './redis/redis-counters.js';

/** Without Redis one process counts alone, in memory; with Redis all processes count together, once the ledger has started them. */
@Global()
@Module({
  providers: [
    {
      provide: Counters,
      useFactory: ({ stores }: Config, clock: Clock, logger: Logger): LocalCounters | RedisCounters => {
        const { redisUrl, redisAuthorities, redisTimeoutMs, strictWithoutRedis } = stores;
        if (!redisUrl) return new LocalCounters(clock);
        const { limits, budgets } = strictWithoutRedis;
        const policy = {
          isLimitStrict: (scope: Scope) => isAmong(scope, limits),
          isBudgetStrict: (scope: Scope) => isAmong(scope, budgets),
        };
        const server = { url: redisUrl, authorities: redisAuthorities };
        return new RedisCounters(clock, { ...server, timeoutMs: redisTimeoutMs, policy }, logger);
      },
      inject: [Config, Clock, Logger],
    },
  ],
  exports: [Counters],
})
export class CountersModule implements OnModuleDestroy {
  constructor(@Inject(Counters) private readonly counters: LocalCounters | RedisCounters) {}

  /** Shared counters are left by the ledger, when the last call is on record. */
  onModuleDestroy(): void {
    if (this.counters instanceof LocalCounters) this.counters.close();
  }
}

function isAmong({ type }: Scope, types: boolean | readonly ScopeType[]): boolean {
  return typeof types === 'boolean' ? types : types.includes(type);
}
