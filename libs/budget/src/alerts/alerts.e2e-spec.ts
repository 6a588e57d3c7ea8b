import type { Config } from '#libs/config';
import type { Counters } from '#libs/counters';
import { GatewayError, ManualClock, type NanoUsd, type Scope, Secret } from '#libs/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../../test/harness/postgres.js';
import type { Budgets } from '../budgets.js';
import { beginRecord, endRecord, keyPrincipal, recordedCaller } from '../ledger/records.harness.js';
import { LedgerStore } from '../ledger/ledger-store.js';
import { entryOf } from '../spool/codec.js';
import { PreparedPrincipal } from '../prepared.js';
import { AlertBook } from './alert-book.js';
import { BudgetWatch } from './budget-watch.js';
import { RefusalWatch } from './refusal-watch.js';
import { SoftBudgets } from './soft-budgets.js';
import { ScopeFacts } from './scope-facts.js';

const NOW = Date.UTC(2026, 10, 29);
const DOLLAR = 1_000_000_000n;
const config = {
  budgets: { timezone: 'UTC', resetTime: '00:00' },
  alerts: {
    channels: [
      { kind: 'webhook', name: 'webhook', url: new Secret('http://x') },
      { kind: 'slack', name: 'slack', url: new Secret('http://y') },
    ],
    types: ['budget_alerts', 'rate_limit_bursts', 'auth_failure_bursts'],
    thresholds: [80, 90, 100],
    burstSize: 3,
    burstWindowMs: 60_000,
  },
} as unknown as Config;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.dataSource.query(`INSERT INTO users (id, email) VALUES ('ann', 'ann@x.org')`);
  await database.dataSource.query(
    `INSERT INTO virtual_keys (id, token_hash, masked_name, alias, user_id) VALUES ('k1', 'hash-1', 'sk-...1', 'ci', 'ann')`,
  );
});
beforeEach(() => database.dataSource.query('TRUNCATE alerts CASCADE'));
afterAll(() => database.drop());

interface Row {
  readonly event: string;
  readonly payload: Record<string, unknown>;
}
const stored = (): Promise<Row[]> =>
  database.dataSource.query('SELECT event, payload FROM alerts ORDER BY event');

/** One replica: its budget is $10 a month, $5 soft, and `spent` is what its counters say. */
function replica(clock = new ManualClock(NOW)) {
  const state: { spent: NanoUsd } = { spent: 0n };
  const caller = keyPrincipal({
    budgets: [
      {
        scope: { type: 'key', id: 'k1' },
        name: 'main',
        capNanoUsd: 10n * DOLLAR,
        softCapNanoUsd: 5n * DOLLAR,
        duration: '1mo',
        anchorMs: 0,
      },
    ],
  });
  const prepared = new PreparedPrincipal(caller, { timezone: 'UTC', resetTime: '00:00' }, NOW);
  const counters = {
    balance: () => ({ settledNanoUsd: state.spent, heldNanoUsd: 0n }),
  } as unknown as Counters;
  const book = new AlertBook(database.dataSource, config);
  const facts = new ScopeFacts(database.dataSource);
  const watch = new BudgetWatch({} as Budgets, counters, book, facts, config, clock, silentLogger);
  return {
    prepared,
    clock,
    book,
    async spends(spent: NanoUsd): Promise<void> {
      state.spent = spent;
      prepared.moveTo(clock.nowMs(), () => true);
      watch.note(prepared.charges);
      await watch.look();
      await watch.onApplicationShutdown();
    },
  };
}

describe('alerts of budgets', () => {
  it('are told once for each threshold and period, by whichever replica sees it, with a delivery for each channel', async () => {
    const replicas = [replica(), replica(), replica()];
    for (const spent of [1n, 4n, 6n, 8n, 8n, 9n, 9n, 10n, 12n])
      await Promise.all(replicas.map((each) => each.spends(spent * DOLLAR)));
    const alerts = await stored();
    expect(alerts.map(({ event, payload }) => `${event} ${String(payload['threshold'])}`)).toEqual([
      'budget_crossed 100',
      'soft_budget_crossed null',
      'threshold_crossed 80',
      'threshold_crossed 90',
    ]);
    const deliveries: unknown[] = await database.dataSource.query('SELECT channel FROM alert_deliveries');
    expect(deliveries).toHaveLength(8);
  });

  it('carry what the contract says, and who is concerned', async () => {
    await replica().spends(8n * DOLLAR);
    const [, alert] = await stored();
    expect(alert?.payload).toMatchObject({
      event: 'threshold_crossed',
      event_group: 'key',
      spend: 8,
      max_budget: 10,
      soft_budget: 5,
      token: 'hash-1',
      key_alias: 'ci',
      user_id: 'ann',
      user_email: 'ann@x.org',
      alert_emails: ['ann@x.org'],
      resets_at: '2026-12-01T00:00:00.000Z',
    });
    expect(alert?.payload['event_message']).toContain('80 % of the budget of key ci');
  });

  it('are told again in the next period', async () => {
    const one = replica();
    await one.spends(10n * DOLLAR);
    one.clock.setTo(Date.UTC(2026, 11, 30));
    await one.spends(10n * DOLLAR);
    expect((await stored()).map(({ event }) => event)).toEqual([
      'budget_crossed',
      'budget_crossed',
      'soft_budget_crossed',
      'soft_budget_crossed',
    ]);
  });

  it('warn while there is time, when the pace is too high', async () => {
    const early = replica(new ManualClock(Date.UTC(2026, 10, 7)));
    await early.spends(4n * DOLLAR);
    const [alert] = await stored();
    expect(alert?.payload).toMatchObject({
      event: 'projected_limit_exceeded',
      projected_spend: 20,
      projected_exceeded_date: '2026-11-16',
    });
  });
});

describe('alerts of soft budgets that stand alone', () => {
  it('are told once, from what was spent in a life or since the period began', async () => {
    const { dataSource } = database;
    await dataSource.query(
      `INSERT INTO users (id, soft_budget_nano, budget_duration) VALUES ('bob', 5, '1mo'), ('eve', 5, NULL), ('dan', 5, NULL)`,
    );
    await dataSource.query(
      `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) VALUES ('user', 'eve', 'total', 'total', 5), ('user', 'dan', 'total', 'total', 4), ('user', 'bob', 'total', 'total', 99)`,
    );
    const store = new LedgerStore(dataSource, silentLogger);
    const spends = (day: number, cost: bigint): Promise<unknown> => {
      const begin = beginRecord({
        caller: recordedCaller({ userId: 'bob', keyId: null }),
        charges: [],
        startedAtMs: Date.UTC(2026, 9, day),
      });
      return store.insert([entryOf(begin, endRecord(begin.id, cost))]);
    };
    const clock = new ManualClock(Date.UTC(2026, 10, 1));
    const book = (): AlertBook => new AlertBook(dataSource, config);
    const watch = (): SoftBudgets =>
      new SoftBudgets(dataSource, book(), new ScopeFacts(dataSource), config, clock);
    await spends(31, 50n);
    expect(await watch().tell()).toBe(1);
    await spends(32, 5n);
    expect(await Promise.all([watch().tell(), watch().tell()])).toContain(1);
    expect(await watch().tell()).toBe(0);
    expect((await stored()).map(({ payload }) => payload['user_id'])).toEqual(
      expect.arrayContaining(['eve', 'bob']),
    );
  });
});

describe('soft budgets of every kind of scope', () => {
  it('are told of, also where the row of budgets has them, and none before its time', async () => {
    const { dataSource } = database;
    const soft = 'soft_budget_nano, budget_duration';
    for (const statement of [
      `INSERT INTO budgets (id, ${soft}) VALUES ('shared', 5, '1mo')`,
      `INSERT INTO teams (id, budget_id) VALUES ('t', 'shared')`,
      `INSERT INTO organizations (id, ${soft}) VALUES ('o', 5, '1mo')`,
      `INSERT INTO team_members (team_id, user_id, ${soft}) VALUES ('t', 'ann', 5, '1mo')`,
      `INSERT INTO organization_members (organization_id, user_id, ${soft}) VALUES ('o', 'ann', 5, '1mo')`,
      `INSERT INTO projects (id, team_id, ${soft}) VALUES ('p', 't', 5, '1mo')`,
      `INSERT INTO virtual_keys (id, token_hash, masked_name, project_id) VALUES ('k', repeat('a', 64), 'sk-...k', 'p')`,
      `INSERT INTO customers (id, ${soft}) VALUES ('c', 5, '1mo'), ('patient', 5, '1h'), ('rich', 500, '1mo')`,
      `INSERT INTO tags (name, ${soft}) VALUES ('blue', 5, '1mo'), ('capped', 5, '1mo')`,
      `UPDATE tags SET max_budget_nano = 9 WHERE name = 'capped'`,
    ])
      await dataSource.query(statement);
    const store = new LedgerStore(dataSource, silentLogger);
    const spends = (customerId: string, startedAtMs: number): Promise<unknown> => {
      const caller = recordedCaller({ keyId: 'k', teamId: 't', userId: 'ann', organizationId: 'o' });
      const begin = beginRecord({ caller, customerId, tags: ['blue', 'capped'], charges: [], startedAtMs });
      return store.insert([entryOf(begin, endRecord(begin.id, 3n))]);
    };
    // What was spent before the hour began is another hour's, though of the same day.
    const now = Date.UTC(2026, 10, 20, 12, 30);
    const clock = new ManualClock(now);
    const watch = new SoftBudgets(
      dataSource,
      new AlertBook(dataSource, config),
      new ScopeFacts(dataSource),
      config,
      clock,
    );
    await spends('patient', now - 60 * 60_000);
    await spends('patient', now - 60_000);
    expect((await told()).includes('customer patient')).toBe(false);
    await spends('c', now);
    await spends('c', now);
    expect(await told()).toEqual([
      'customer c',
      'organization o',
      'organization_member o:ann',
      'project p',
      'tag blue',
      'team t',
      'team_member t:ann',
    ]);
    async function told(): Promise<string[]> {
      await watch.tell();
      const rows = await stored();
      const scopes = rows.map(({ payload }) => payload['scope'] as Scope);
      return scopes.flatMap(({ type, id }) => (type === 'user' ? [] : [`${type} ${id}`])).toSorted();
    }
  });
});

describe('alerts of bursts', () => {
  const limited = new GatewayError('ratelimit.exceeded', 'slow down', {
    denial: { code: 'ratelimit.exceeded', scope: { type: 'key', id: 'k1' } },
  });
  const unknown = new GatewayError('auth.credential_unknown', 'who?');
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

  it('are told once in a window, by scope; single refusals are not', async () => {
    const clock = new ManualClock(NOW);
    const watch = new RefusalWatch(new AlertBook(database.dataSource, config), config, clock, silentLogger);
    for (let n = 0; n < 2; n += 1) watch.note(limited);
    clock.setTo(NOW + 60_000);
    for (let n = 0; n < 2; n += 1) watch.note(limited);
    await settled();
    expect(await stored()).toEqual([]);
    for (let n = 0; n < 20; n += 1) watch.note(limited);
    for (let n = 0; n < 5; n += 1) watch.note(unknown);
    await settled();
    expect((await stored()).map(({ event, payload }) => [event, payload['count']])).toEqual([
      ['auth_failure_burst', 3],
      ['rate_limit_burst', 3],
    ]);
  });
});
