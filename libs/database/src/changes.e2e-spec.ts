import { Secret } from '#libs/kernel';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { TcpRelay } from '../../../test/harness/tcp-relay.js';
import {
  type Change,
  type ChangeMark,
  Changes,
  cleanUpChanges,
  createDataSource,
  withTransaction,
} from './index.js';

const SYSTEM = { system: 'test' };
let database: TestDatabase;
let writers: DataSource;
let relay: TcpRelay;
let changes: Changes;
let seen: Change[];
let gaps: number;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const ids = (): string[] => seen.map(({ id }) => id);
const publish = (id: string): Promise<ChangeMark> =>
  withTransaction(writers, SYSTEM, (manager) => changes.publish(manager, 'key', id));

beforeAll(async () => {
  database = await createTestDatabase();
  writers = await createDataSource({ url: database.url, poolSize: 40 }, silentLogger);
});
afterAll(async () => {
  await writers.destroy();
  await database.drop();
});
beforeEach(async () => {
  relay = await TcpRelay.to(database.url.reveal());
  changes = new Changes({ directUrl: new Secret(relay.url), pollMs: 200 }, silentLogger);
  seen = [];
  gaps = 0;
  changes.subscribe({ onChange: (change) => seen.push(change), onGap: () => (gaps += 1) });
  await changes.start();
});
afterEach(async () => {
  await changes.stop();
  await relay.close();
});

describe('changes', () => {
  /** A polled sequence alone loses what began earlier and committed later; that loss is a revoked key that keeps working. */
  it('loses none of 400 concurrent transactions with random delays, and tells each once', async () => {
    const expected: string[] = [];
    await Promise.all(
      Array.from({ length: 40 }, async (_, lane) => {
        for (let n = 0; n < 10; n += 1) {
          const id = `${lane}.${n}`;
          const rollsBack = Math.random() < 0.2;
          if (!rollsBack) expected.push(id);
          const work = withTransaction(writers, SYSTEM, async (manager) => {
            await pause(Math.random() * 10);
            await changes.publish(manager, 'key', id);
            await pause(Math.random() * 30);
            if (rollsBack) throw new Error('rolled back');
          });
          await work.catch(() => undefined);
        }
      }),
    );
    await vi.waitFor(() => expect(seen.length).toBe(expected.length), 5_000);
    await pause(500);
    expect(ids().toSorted()).toEqual(expected.toSorted());
    expect(gaps).toBe(0);
  });

  it('tells within a fraction of a second, and nothing of a transaction that rolled back', async () => {
    await withTransaction(writers, SYSTEM, async (manager) => {
      await changes.publish(manager, 'key', 'never');
      throw new Error('rolled back');
    }).catch(() => undefined);
    const startedAt = performance.now();
    const mark = await publish('now');
    expect(await changes.waitUntilApplied(mark)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(ids()).toEqual(['now']);
    expect(changes.lastAppliedSeq()).toBe(mark.seq);
  });

  /** Waiting for the oldest transaction of the whole cluster would let any forgotten session hold a revocation back. */
  it('is not held back by a transaction that stays open, and still tells that one when it commits', async () => {
    const slow = writers.createQueryRunner();
    await slow.startTransaction();
    const early = await changes.publish(slow.manager, 'key', 'early');
    const late = await publish('late');
    expect(await changes.waitUntilApplied(late)).toBe(true);
    expect(changes.hasApplied(early)).toBe(false);
    await pause(500);
    await slow.commitTransaction();
    await slow.release();
    expect(await changes.waitUntilApplied(early)).toBe(true);
    await pause(500);
    expect(ids()).toEqual(['late', 'early']);
  });

  it('goes on after its connection was terminated, with what was committed meanwhile', async () => {
    await writers.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tollgate changes'`,
    );
    const during = await publish('during');
    expect(await changes.waitUntilApplied(during, 5_000)).toBe(true);
    expect(await changes.waitUntilApplied(await publish('after'))).toBe(true);
    expect(ids()).toEqual(['during', 'after']);
    expect(gaps).toBe(0);
    expect(changes.state()).toBe('live');
  });

  it('says that it is down, and catches up after an outage shorter than changes are kept', async () => {
    relay.cut();
    await vi.waitFor(() => expect(changes.state()).toBe('down'));
    const missed = await publish('missed');
    await withTransaction(writers, SYSTEM, (manager) => cleanUpChanges(manager, 0));
    relay.restore();
    expect(await changes.waitUntilApplied(missed, 10_000)).toBe(true);
    expect(ids()).toEqual(['missed']);
    expect(gaps).toBe(0);
  });

  it('tells its subscribers to drop everything when changes were deleted before it could read them', async () => {
    relay.cut();
    await vi.waitFor(() => expect(changes.state()).toBe('down'));
    await publish('lost for ever');
    // The first call notes what has ended by now, the second deletes it.
    for (let call = 0; call < 2; call += 1)
      await withTransaction(writers, SYSTEM, (manager) => cleanUpChanges(manager, 0));
    relay.restore();
    await vi.waitFor(() => expect(gaps).toBe(1), 10_000);
    expect(await changes.waitUntilApplied(await publish('next'))).toBe(true);
    expect(ids()).toEqual(['next']);
  });

  it('notices a connection that is silently dead', async () => {
    relay.silence();
    await vi.waitFor(() => expect(changes.state()).not.toBe('live'), 8_000);
    relay.restore();
    expect(await changes.waitUntilApplied(await publish('again'), 15_000)).toBe(true);
    expect(gaps).toBe(0);
  });

  it('keeps telling the others when one subscriber throws', async () => {
    const stop = changes.subscribe({
      onChange: () => {
        throw new Error('broken cache');
      },
      onGap: () => undefined,
    });
    expect(await changes.waitUntilApplied(await publish('a'))).toBe(true);
    stop();
    expect(await changes.waitUntilApplied(await publish('b'))).toBe(true);
    expect(ids()).toEqual(['a', 'b']);
  });
});

describe('the clean-up of changes', () => {
  it('keeps what is young, and never deletes what was not visible for long enough', async () => {
    await publish('young');
    expect(await withTransaction(writers, SYSTEM, (manager) => cleanUpChanges(manager))).toBe(0);
    const [row]: { count: string }[] = await writers.query(
      `SELECT count(*) FROM changes WHERE noun_id = 'young'`,
    );
    expect(row?.count).toBe('1');
  });

  it('takes turns when several race', async () => {
    await Promise.all(
      Array.from({ length: 6 }, () =>
        withTransaction(writers, SYSTEM, (manager) => cleanUpChanges(manager, 0)),
      ),
    );
    expect(await changes.waitUntilApplied(await publish('after the race'))).toBe(true);
  });
});
