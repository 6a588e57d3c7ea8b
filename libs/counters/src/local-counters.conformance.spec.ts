import { ManualClock } from '#libs/kernel';
import { describeCounters } from './conformance.harness.js';
import { LocalCounters } from './local-counters.js';

const OVERTAKE_MS = 2_000;

describeCounters(
  'counters of one process',
  () => {
    const clock = new ManualClock();
    const counters = new LocalCounters(clock, { overtakeMs: OVERTAKE_MS });
    return {
      counters,
      advance: (ms) => {
        clock.advance(ms);
        counters.tick();
      },
      close: () => counters.close(),
    };
  },
  { overtakeMs: OVERTAKE_MS, startsAtEpochMs: new ManualClock().nowMs() },
);
