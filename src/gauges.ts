import type { INestApplication } from '@nestjs/common';
import { KeyVault } from '#libs/auth';
import { SpendLedger } from '#libs/budget';
import { Counters, type LocalCounters, type RedisCounters } from '#libs/counters';
import { DatabaseHealth } from '#libs/database';
import { Metrics } from '#libs/telemetry';

/** What this process holds at this moment, on the metrics page: what should return to nothing, and what should not grow for ever. */
export function showGauges(app: INestApplication): void {
  const metrics = app.get(Metrics, { strict: false });
  const ledger = app.get(SpendLedger, { strict: false });
  const counters = app.get<LocalCounters | RedisCounters>(Counters, { strict: false });
  const database = app.get(DatabaseHealth, { strict: false });
  const vault = app.get(KeyVault, { strict: false });
  const gauges: readonly (readonly [name: string, help: string, read: () => number])[] = [
    ['tollgate_ledger_open_calls', 'Calls that began and did not end', () => ledger.backlog().inFlight],
    ['tollgate_ledger_backlog_entries', 'Ended calls not in PostgreSQL yet', () => ledger.backlog().entries],
    ['tollgate_ledger_backlog_bytes', 'Bytes of spool files still needed', () => ledger.backlog().bytes],
    ['tollgate_counter_holds', 'Requests that hold slots or money', () => counters.sizes().held],
    ['tollgate_counter_waiting', 'Requests that wait for money others hold', () => counters.sizes().waiting],
    ['tollgate_counter_windows', 'Rate windows in memory', () => counters.sizes().windows],
    ['tollgate_counter_gauges', 'Parallel limits in memory', () => counters.sizes().gauges],
    ['tollgate_counter_budgets', 'Money counters in memory', () => counters.sizes().budgets],
    [
      'tollgate_database_up',
      '1 while PostgreSQL answers and takes changes',
      () => (database.isReachable() ? 1 : 0),
    ],
    [
      'tollgate_counters_up',
      '1 while limits and budgets are counted exactly; 0 while the Redis of REDIS_URL is away',
      () => ('state' in counters && counters.state !== 'live' ? 0 : 1),
    ],
    ['tollgate_known_keys', 'Keys in memory', () => vault.size],
  ];
  for (const [name, help, read] of gauges) metrics.observe(name, help, read);
}
