import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalCounters } from '#libs/counters';
import { ManualClock, type NanoUsd, type Principal } from '#libs/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../test/harness/postgres.js';
import { Budgets } from './budgets.js';
import { BalanceStore } from './ledger/balance-store.js';
import { LedgerDatabase } from './ledger/ledger-database.harness.js';
import { PostgresSpendReader } from './ledger/postgres-spend-reader.js';
import {
  beginRecord,
  endRecord,
  keyPrincipal,
  recordedCaller,
  spend,
  testConfig,
} from './ledger/records.harness.js';
import type { SpendLedger } from './ledger/spend-ledger.js';
import { PriceBook } from './price-book/price-book.js';

const database = LedgerDatabase.forThisFile();
let dataDir: string;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'tollgate-budgets-'));
  await database.empty();
});

describe('opening budgets', () => {
  const clock = new ManualClock(Date.UTC(2026, 10, 21, 12));
  const budgetsOn = (ledger: SpendLedger, counters: LocalCounters, rollover = false): Budgets =>
    new Budgets(
      testConfig(dataDir, rollover),
      clock,
      counters,
      ledger,
      new BalanceStore(database.rows, testConfig(dataDir, rollover)),
      new PriceBook(),
      silentLogger,
    );
  const scope = { type: 'key' as const, id: 'k1' };
  const lifetime: Principal = keyPrincipal({
    budgets: [{ scope, name: 'main', capNanoUsd: 1_000n, anchorMs: 0 }],
  });
  const daily: Principal = keyPrincipal({
    budgets: [{ scope, name: 'main', capNanoUsd: 1_000n, anchorMs: 0, duration: '1d' }],
  });
  const settled = (counters: LocalCounters, key: string): NanoUsd | undefined =>
    counters.balance(key)?.settledNanoUsd;

  it('counts what is stored and what is not stored yet, exactly once, while calls keep ending', async () => {
    const ledger = await database.open(dataDir);
    const counters = new LocalCounters(clock);
    const budgets = budgetsOn(ledger, counters);
    let total = 0n;
    let running = true;
    const work = async (): Promise<void> => {
      for (let index = 0; running; index += 1) {
        const charges = budgets.charges(lifetime, clock.nowMs());
        const begin = beginRecord({ charges });
        await new Promise<void>((resolve) => ledger.begin(begin, () => resolve()));
        total += 7n;
        await new Promise<void>((resolve) => {
          ledger.end(endRecord(begin.id, 7n), () => resolve());
          // A call that was admitted before the counter was open never claimed it: the counters' settle does nothing, so the test adjusts.
          if (counters.isOpen('budget:key:k1:total:total'))
            void counters.adjust('budget:key:k1:total:total', 7n);
        });
      }
    };
    const workers = Array.from({ length: 5 }, work);
    await new Promise((resolve) => setTimeout(resolve, 120));
    await budgets.open(lifetime, clock.nowMs());
    await new Promise((resolve) => setTimeout(resolve, 60));
    running = false;
    await Promise.all(workers);
    expect(settled(counters, 'budget:key:k1:total:total')).toBe(total);
    await ledger.flush();
    expect(await database.scalar("SELECT settled_nano FROM balances WHERE budget = 'total'")).toBe(
      total.toString(),
    );
    await ledger.close();
  });

  it('sums a period by time when the budget is made in the middle of it', async () => {
    const ledger = await database.open(dataDir);
    await spend(ledger, beginRecord({ startedAtMs: Date.UTC(2026, 10, 20, 23, 59) }), 100n);
    await spend(ledger, beginRecord({ startedAtMs: Date.UTC(2026, 10, 21, 0, 0) }), 30n);
    await spend(ledger, beginRecord({ startedAtMs: Date.UTC(2026, 10, 21, 11) }), 5n);
    const counters = new LocalCounters(clock);
    await budgetsOn(ledger, counters).open(daily, clock.nowMs());
    expect(settled(counters, 'budget:key:k1:main:1d@20261121T000000Z')).toBe(35n);
    // A second process reads the stored sum, which the drain has carried on.
    const again = new LocalCounters(clock);
    const charges = budgetsOn(ledger, again).charges(daily, clock.nowMs());
    await spend(ledger, beginRecord({ charges }), 2n);
    await budgetsOn(ledger, again).open(daily, clock.nowMs());
    expect(settled(again, 'budget:key:k1:main:1d@20261121T000000Z')).toBe(37n);
    await ledger.close();
  });

  it('starts the next period at zero without asking PostgreSQL, when it counted the last one', async () => {
    const ledger = await database.open(dataDir);
    const counters = new LocalCounters(clock);
    const budgets = budgetsOn(ledger, counters);
    const now = clock.nowMs();
    expect(budgets.isOpen(daily, now)).toBe(false);
    await budgets.open(daily, now);
    expect(budgets.isOpen(daily, now)).toBe(true);
    const tomorrow = now + 86_400_000;
    expect(budgets.isOpen(daily, tomorrow)).toBe(true);
    expect(settled(counters, 'budget:key:k1:main:1d@20261122T000000Z')).toBe(0n);
    expect(budgets.isOpen(daily, tomorrow + 2 * 86_400_000)).toBe(false);
    budgets.onApplicationShutdown();
    await ledger.close();
  });

  /**
   * A user's daily budget had in it what its teams' keys had spent before it was first opened, and nothing of what they spent
   * afterwards: who had the cap of a day could spend it twice, or not at all, by the order of its calls.
   */
  it('counts calls that a budget does not bind alike, before it is opened, while it is, and in its next period', async () => {
    const own = { scope: { type: 'user' as const, id: 'u1' }, name: 'main', capNanoUsd: 1_000n, anchorMs: 0 };
    const budgets = [{ ...own, duration: '1d' }];
    const throughTeam = keyPrincipal({ budgets: [], unboundBudgets: budgets, spendScopes: [own.scope] });
    const alone = keyPrincipal({ budgets, spendScopes: [own.scope] });
    const ledger = await database.open(dataDir);
    const counters = new LocalCounters(clock);
    const subject = budgetsOn(ledger, counters);
    const callThroughTeam = async (cost: bigint, atMs: number): Promise<void> => {
      const charges = subject.charges(throughTeam, atMs);
      const begin = beginRecord({ charges, startedAtMs: atMs, caller: recordedCaller({ userId: 'u1' }) });
      await new Promise<void>((resolve) => ledger.begin(begin, () => resolve()));
      ledger.end(endRecord(begin.id, cost), () => undefined);
      subject.settled(charges, cost);
    };
    const now = clock.nowMs();
    await callThroughTeam(100n, now);
    await subject.open(alone, now);
    expect(settled(counters, 'budget:user:u1:main:1d@20261121T000000Z')).toBe(100n);
    await callThroughTeam(30n, now);
    expect(settled(counters, 'budget:user:u1:main:1d@20261121T000000Z')).toBe(130n);
    const tomorrow = now + 86_400_000;
    await callThroughTeam(7n, tomorrow);
    expect(subject.isOpen(alone, tomorrow)).toBe(false);
    await subject.open(alone, tomorrow);
    expect(settled(counters, 'budget:user:u1:main:1d@20261122T000000Z')).toBe(7n);
    await ledger.flush();
    expect(
      await database.scalar("SELECT settled_nano FROM balances WHERE period_id = '1d@20261121T000000Z'"),
    ).toBe('130');
    subject.onApplicationShutdown();
    await ledger.close();
  });

  it('carries what was spent beyond a cap into the next period, once, where that is asked for', async () => {
    const ledger = await database.open(dataDir);
    const counters = new LocalCounters(clock);
    const budgets = budgetsOn(ledger, counters, true);
    const now = clock.nowMs();
    const tomorrow = now + 86_400_000;
    const [today, next] = [
      'budget:key:k1:main:1d@20261121T000000Z',
      'budget:key:k1:main:1d@20261122T000000Z',
    ];
    await budgets.open(daily, now);
    const charges = budgets.charges(daily, now);
    await spend(ledger, beginRecord({ charges }), 1_200n);
    await counters.adjust(today, 1_200n);
    // What it begins with has to be read.
    expect(budgets.isOpen(daily, tomorrow)).toBe(false);
    await budgets.open(daily, tomorrow);
    expect(settled(counters, next)).toBe(200n);
    const again = new LocalCounters(clock);
    await budgetsOn(ledger, again, true).open(daily, tomorrow);
    expect(settled(again, next)).toBe(200n);
    await spend(
      ledger,
      beginRecord({ charges: budgets.charges(daily, tomorrow), startedAtMs: tomorrow }),
      50n,
    );
    // A day within its cap leaves nothing to carry, however much came from before.
    await budgets.open(daily, tomorrow + 86_400_000);
    expect(settled(counters, 'budget:key:k1:main:1d@20261123T000000Z')).toBe(0n);
    expect(await database.scalar("SELECT count(*) FROM spend_adjustments WHERE reason = 'rollover'")).toBe(
      '1',
    );
    await ledger.close();
  });

  it('shows a scope what its caller has just paid', async () => {
    const ledger = await database.open(dataDir);
    await database.query(
      "INSERT INTO virtual_keys (id, token_hash, masked_name, max_budget_nano, budget_duration) VALUES ('k1', 'h', 'm', 1000, '1d')",
    );
    const reader = new PostgresSpendReader(database.rows, ledger, testConfig(dataDir), clock);
    const charges = budgetsOn(ledger, new LocalCounters(clock)).charges(daily, clock.nowMs());
    await spend(ledger, beginRecord({ charges }), 12n);
    await spend(
      ledger,
      beginRecord({ charges: [{ scope: { type: 'team', id: 't' }, budget: 'total', periodId: 'total' }] }),
      3n,
    );
    expect(await reader.spendOf([scope, { type: 'team', id: 't' }, { type: 'user', id: 'nobody' }])).toEqual(
      new Map([
        ['key:k1', 12n],
        ['team:t', 3n],
      ]),
    );
    await ledger.close();
  });
});
