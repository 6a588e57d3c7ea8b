import { createDataSource } from '#libs/database';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../test/harness/postgres.js';
import type { BeginRecord } from '../ledger.js';
import type { Charge } from '../prepared.js';
import { type Entry, entryOf } from '../spool/codec.js';
import { Drain } from './drain.js';
import { beginRecord, endRecord, recordedCaller } from './records.harness.js';
import { Ended, InFlight } from './in-flight.js';
import { LedgerDatabase } from './ledger-database.harness.js';
import { LedgerStore } from './ledger-store.js';
import type { Spool } from '../spool/spool.js';

const nothing = (): void => undefined;
const total = (type: Charge['scope']['type'], id: string): Charge => ({
  scope: { type, id },
  budget: 'total',
  periodId: 'total',
});

const database = LedgerDatabase.forThisFile();
beforeEach(() => database.empty());

/** A call of one of seven keys of three teams; every third names a customer, every fourth has tags, every fifth fails. */
function call(number: number, id = `req_${number}`): BeginRecord {
  const [key, team] = [`k${number % 7}`, `t${number % 3}`];
  const customer = number % 3 === 0 ? `c${number % 5}` : null;
  return beginRecord({
    id,
    caller: recordedCaller({ keyId: key, teamId: team, organizationId: 'o1' }),
    customerId: customer,
    tags: number % 4 === 0 ? ['red', `tag${number % 2}`] : [],
    charges: [
      total('proxy', 'proxy'),
      total('key', key),
      total('team', team),
      ...(customer ? [total('customer', customer)] : []),
    ],
  });
}
const entry = (number: number, id?: string): Entry => {
  const begin = call(number, id);
  const status = number % 5 === 0 ? 'failure' : 'success';
  return entryOf(begin, endRecord(begin.id, BigInt(number + 1), { status }));
};

interface Sums {
  readonly nano: string;
  readonly requests: string;
}
const sumsOf = async (sql: string): Promise<Record<string, Sums>> => {
  const rows: ({ name: string } & Sums)[] = await database.query(sql);
  return Object.fromEntries(rows.map(({ name, nano, requests }) => [name, { nano, requests }]));
};

/** Each balance and each day's sum says what the entries say, and the ledger has these entries. */
async function expectExact(ids: readonly string[]): Promise<void> {
  const stored: { id: string }[] = await database.query('SELECT id FROM ledger_entries');
  expect(stored.map(({ id }) => id).sort()).toEqual([...ids].sort());
  const charged = await sumsOf(
    `SELECT concat_ws(' ', c #>> '{scope,type}', c #>> '{scope,id}') AS name, sum(cost_nano) AS nano, count(*) AS requests
     FROM ledger_entries, jsonb_array_elements(charges) AS c GROUP BY 1`,
  );
  expect(
    await sumsOf(
      `SELECT scope_type || ' ' || scope_id AS name, settled_nano AS nano, requests FROM balances`,
    ),
  ).toEqual(charged);
  const counted = (name: string, where: string, by = "''"): string =>
    `SELECT '${name} ' || ${by} AS name, sum(cost_nano) AS nano, count(*) AS requests FROM ledger_entries WHERE ${where} GROUP BY 1`;
  const days = await sumsOf(
    [
      counted('key', 'true', 'key_id'),
      counted('team', 'true', 'team_id'),
      counted('organization', 'true', 'organization_id'),
      counted('proxy', 'true'),
      counted('customers', 'customer_id IS NOT NULL'),
      counted('customer', 'customer_id IS NOT NULL', 'customer_id'),
      counted('tagging', "tags <> '{}'"),
      counted('teams', 'team_id IS NOT NULL'),
      counted('team_days', 'team_id IS NOT NULL', 'team_id'),
    ].join(' UNION ALL '),
  );
  const kept = await sumsOf(
    `SELECT facet || ' ' || coalesce(CASE facet WHEN 'key' THEN key_id WHEN 'team' THEN team_id WHEN 'team_days' THEN team_id WHEN 'customer' THEN customer_id
       WHEN 'organization' THEN organization_id END, '') AS name, sum(spend_nano) AS nano, sum(requests) AS requests
     FROM daily_activity WHERE facet IN ('key', 'team', 'organization', 'proxy', 'customers', 'customer', 'tagging', 'teams', 'team_days') GROUP BY 1`,
  );
  expect(kept).toEqual(days);
}

describe('storing entries', () => {
  it('adds each to its own balances and days, whatever else is in the batch and was there before', async () => {
    const store = new LedgerStore(database.rows, silentLogger);
    const entries = Array.from({ length: 60 }, (_, i) => entry(i));
    expect((await store.insert(entries.slice(0, 20))).size).toBe(20);
    const fresh = await store.insert([entry(900, 'x'), ...entries.slice(10, 40), entry(901, 'y')]);
    expect([...fresh].sort()).toEqual([...entries.slice(20, 40).map(({ id }) => id), 'x', 'y'].sort());
    await store.insert(entries);
    await expectExact([...entries.map(({ id }) => id), 'x', 'y']);
  });

  it('is exact when many do it at once, of the same callers and of the same calls', async () => {
    const many = await createDataSource({ url: database.url, poolSize: 8 }, silentLogger);
    const store = new LedgerStore(many, silentLogger);
    const lots = Array.from({ length: 32 }, (_, lot) =>
      Array.from({ length: 80 }, (_, i) => entry((lot >> 1) * 80 + ((i * 7 + lot) % 80))),
    );
    try {
      await Promise.all(lots.map((lot) => store.insert(lot)));
    } finally {
      await many.destroy();
    }
    await expectExact(Array.from({ length: 16 * 80 }, (_, i) => `req_${i}`));
  });
});

describe('the drain', () => {
  /** What a call of the product leaves to the drain when its record could not be written to a file. */
  const ended = (number: number): Ended => {
    const begin = call(number);
    return new Ended(new InFlight(begin, nothing, nothing), endRecord(begin.id, 3n), nothing);
  };

  /** Sixteen processes on one hot row, a long report, a backup: whoever waits longer than a statement may take must come back. */
  it('loses nothing and stays alive when PostgreSQL does not take a batch in time', async () => {
    const impatient = await createDataSource(
      { url: database.url, poolSize: 2, statementTimeoutMs: 200 },
      silentLogger,
    );
    const sizes: number[] = [];
    const store = new (class extends LedgerStore {
      override insert(entries: readonly Entry[]): Promise<ReadonlySet<string>> {
        sizes.push(entries.length);
        return super.insert(entries);
      }
    })(impatient, silentLogger);
    const drain = new Drain({ forget: nothing } as unknown as Spool, store, silentLogger);
    await new LedgerStore(database.rows, silentLogger).insert([entry(0, 'first')]);
    const holder = database.rows.createQueryRunner();
    try {
      await holder.query('BEGIN');
      await holder.query(`UPDATE balances SET updated_at = now() WHERE scope_type = 'proxy'`);
      for (let i = 0; i < 3_000; i += 1) drain.add(ended(i));
      await expect(drain.flush()).rejects.toThrow('statement timeout');
      await expect(drain.flush()).rejects.toThrow('statement timeout');
      expect(drain.size).toBe(3_000);
      await holder.query('COMMIT');
      await expect.poll(() => drain.size, { timeout: 20_000 }).toBe(0);
    } finally {
      await holder.release();
      await drain.stop();
      await impatient.destroy();
    }
    expect(sizes.slice(0, 2)).toEqual([3_000, 1_500]);
    await expectExact(['first', ...Array.from({ length: 3_000 }, (_, i) => `req_${i}`)]);
  });
});
