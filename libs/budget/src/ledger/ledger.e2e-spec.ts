import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalCounters } from '#libs/counters';
import { type NanoUsd, type Principal, ManualClock } from '#libs/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../test/harness/postgres.js';
import { compile, killRounds } from '../../../../test/chaos/spool-kill.js';
import { Budgets } from '../budgets.js';
import { PriceBook } from '../price-book/price-book.js';
import { BalanceStore } from './balance-store.js';
import { entryOf } from '../spool/codec.js';
import { beginRecord, endRecord, keyPrincipal, testConfig } from './records.harness.js';
import { LedgerDatabase } from './ledger-database.harness.js';
import { LedgerStore } from './ledger-store.js';
import { PostgresSpendReader } from './postgres-spend-reader.js';
import { SpendLedger } from './spend-ledger.js';
import type { Spool, SpoolOptions } from '../spool/spool.js';

const database = LedgerDatabase.forThisFile();
let dataDir: string;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'tollgate-ledger-'));
  await database.empty();
});

const scalar = async (sql: string): Promise<string> => {
  const rows: Record<string, unknown>[] = await database.query(sql);
  return String(Object.values(rows[0] ?? {})[0]);
};
const open = (): Promise<SpendLedger> => database.open(dataDir);
const spend = (ledger: SpendLedger, begin = beginRecord(), cost = 10n): Promise<void> =>
  new Promise((resolve, reject) => {
    ledger.begin(begin, (refused) => {
      if (refused) return reject(refused);
      ledger.end(endRecord(begin.id, cost), (failed) => (failed ? reject(failed) : resolve()));
    });
  });

describe('the ledger', () => {
  it('stores each call once, feeds its balances, and leaves no file behind', async () => {
    const ledger = await open();
    await Promise.all(Array.from({ length: 2_500 }, () => spend(ledger)));
    await ledger.flush();
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('2500');
    expect(await scalar('SELECT settled_nano FROM balances')).toBe('25000');
    expect(await scalar('SELECT requests FROM balances')).toBe('2500');
    await ledger.close();
    expect(readdirSync(join(dataDir, 'spool'))).toEqual([]);
  });

  it('adds nothing when the same entries are stored again, alone, together or at once', async () => {
    const store = new LedgerStore(database.rows, silentLogger);
    const entries = Array.from({ length: 300 }, () => beginRecord()).map((begin) =>
      entryOf(begin, endRecord(begin.id)),
    );
    await Promise.all([
      store.insert(entries),
      store.insert([...entries].reverse()),
      store.insert(entries.concat(entries)),
    ]);
    await store.insert(entries);
    expect(await scalar('SELECT settled_nano FROM balances')).toBe('3000');
  });

  /** A caller's `user` or tag with NUL, half a surrogate pair or 10 KB must not stop the drain for everybody. */
  it('takes texts that PostgreSQL would refuse', async () => {
    const ledger = await open();
    const nasty = 'a\0b\ud800\\"{},' + 'x'.repeat(10_000);
    const charges = [{ scope: { type: 'customer' as const, id: nasty }, budget: 'total', periodId: 'total' }];
    await spend(
      ledger,
      beginRecord({
        customerId: nasty,
        clientCallId: nasty,
        userAgent: nasty,
        tags: [nasty, '', 'plain'],
        charges,
      }),
    );
    await ledger.flush();
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('1');
    expect(await scalar('SELECT tags[3] FROM ledger_entries')).toBe('plain');
    expect(await scalar('SELECT settled_nano FROM balances')).toBe('10');
    await ledger.close();
  });

  it('stores an entry of a day long gone', async () => {
    const ledger = await open();
    await spend(ledger, beginRecord({ startedAtMs: Date.UTC(2020, 1, 29) }));
    await ledger.flush();
    expect(await scalar('SELECT day::text FROM ledger_entries')).toBe('2020-02-29');
    await ledger.close();
  });

  it('keeps what PostgreSQL did not take in files, for the next process', async () => {
    const away = {
      insert: async () => Promise.reject(new Error('connection refused')),
    } as unknown as LedgerStore;
    const ledger = new SpendLedger(testConfig(dataDir), away, silentLogger);
    await ledger.start();
    await Promise.all(Array.from({ length: 50 }, () => spend(ledger)));
    await expect(ledger.flush()).rejects.toThrow('connection refused');
    expect(ledger.backlog().entries).toBe(50);
    await ledger.close();
    const next = await open();
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('50');
    await next.close();
  });

  it('charges a call that began and never ended, once, flagged', async () => {
    const ledger = await open();
    const begin = beginRecord();
    await new Promise<void>((resolve) => ledger.begin(begin, () => resolve()));
    await ledger.close();
    const next = await open();
    await next.adopt();
    expect(await scalar("SELECT flag || ' ' || cost_nano || ' ' || status FROM ledger_entries")).toBe(
      'crash 900 failure',
    );
    expect(await scalar('SELECT settled_nano FROM balances')).toBe('900');
    await next.close();
  });

  it('goes on with an adoption that PostgreSQL interrupted', async () => {
    const first = await open();
    await new Promise<void>((resolve) => first.begin(beginRecord(), () => resolve()));
    await first.close();
    const store = new LedgerStore(database.rows, silentLogger);
    let away = true;
    const flaky = {
      insert: (entries: Parameters<LedgerStore['insert']>[0]) =>
        away ? Promise.reject(new Error('away')) : store.insert(entries),
    } as unknown as LedgerStore;
    const next = new SpendLedger(testConfig(dataDir), flaky, silentLogger);
    await expect(next.start()).rejects.toThrow('away');
    away = false;
    expect(await Promise.all([next.adopt(), next.adopt()])).toEqual([1, 0]);
    await next.close();
    expect(readdirSync(join(dataDir, 'spool'))).toEqual([]);
  });

  it('never takes the files of a process that lives', async () => {
    const first = await open();
    await new Promise<void>((resolve) => first.begin(beginRecord(), () => resolve()));
    const second = await open();
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('0');
    await Promise.all([first.close(), second.close()]);
  });

  it('refuses new work when the disk refuses it, answers in time, and loses no end', async () => {
    const ledger = new LedgerOnFragileDisk(
      testConfig(dataDir),
      new LedgerStore(database.rows, silentLogger),
      silentLogger,
    );
    await ledger.start();
    const begin = beginRecord();
    await new Promise<void>((resolve) => ledger.begin(begin, () => resolve()));
    ledger.full = true;
    const refused = new Promise((resolve) => ledger.begin(beginRecord(), resolve));
    expect(await refused).toMatchObject({ code: 'ledger.backlog_full', status: 503 });
    await new Promise<void>((resolve, reject) =>
      ledger.end(endRecord(begin.id), (failed) => (failed ? reject(failed) : resolve())),
    );
    expect(await scalar('SELECT count(*) FROM ledger_entries')).toBe('1');
    ledger.full = false;
    await expect.poll(() => ledger.refusal()).toBeUndefined();
    await spend(ledger);
    await ledger.close();
    expect(readdirSync(join(dataDir, 'spool'))).toEqual([]);
  });

  it('notes when a key was last used', async () => {
    await database.query(
      "INSERT INTO virtual_keys (id, token_hash, masked_name) VALUES ('k1', 'h', 'sk-...abcd')",
    );
    const ledger = await open();
    await spend(ledger);
    await ledger.close();
    expect(await scalar('SELECT last_active_at IS NOT NULL FROM virtual_keys')).toBe('true');
  });

  it('loses and doubles nothing when its process is killed in the middle of it, again and again', async () => {
    const compiled = compile();
    try {
      const report = await killRounds(database.url.reveal(), 50, compiled);
      expect(report.problems).toEqual([]);
      expect(report.finished).toBeGreaterThan(500);
    } finally {
      rmSync(compiled, { recursive: true, force: true });
    }
  }, 180_000);
});

class LedgerOnFragileDisk extends SpendLedger {
  readonly #broken = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  full = false;
  protected override openSpool(options: SpoolOptions): Spool {
    const spool = super.openSpool(options);
    const append = spool.current.append.bind(spool.current);
    spool.current.append = (bytes) => {
      if (this.full) throw this.#broken;
      append(bytes);
    };
    return spool;
  }
}

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
    const ledger = await open();
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
    expect(await scalar("SELECT settled_nano FROM balances WHERE budget = 'total'")).toBe(total.toString());
    await ledger.close();
  });

  it('sums a period by time when the budget is made in the middle of it', async () => {
    const ledger = await open();
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
    const ledger = await open();
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

  it('carries what was spent beyond a cap into the next period, once, where that is asked for', async () => {
    const ledger = await open();
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
    expect(await scalar("SELECT count(*) FROM spend_adjustments WHERE reason = 'rollover'")).toBe('1');
    await ledger.close();
  });

  it('shows a scope what its caller has just paid', async () => {
    const ledger = await open();
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
