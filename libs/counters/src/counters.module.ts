import { Global, Module, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '#libs/kernel';
import { Counters } from './counters.js';
import { LocalCounters } from './local-counters.js';

/** One process counts alone, in memory. The store for many replicas replaces the provider, not its users. */
@Global()
@Module({
  providers: [
    { provide: LocalCounters, useFactory: (clock: Clock) => new LocalCounters(clock), inject: [Clock] },
    { provide: Counters, useExisting: LocalCounters },
  ],
  exports: [Counters, LocalCounters],
})
export class CountersModule implements OnModuleDestroy {
  constructor(private readonly local: LocalCounters) {}

  onModuleDestroy(): void {
    this.local.close();
  }
}
