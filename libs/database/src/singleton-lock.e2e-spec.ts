import { Secret } from '#libs/kernel';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { TcpRelay } from '../../../test/harness/tcp-relay.js';
import { SingletonLock } from './index.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const take = (name: string, directUrl: Secret = database.url, onLost: () => void = () => undefined) =>
  SingletonLock.take({ directUrl, name, logger: silentLogger, onLost, waitMs: 300 });

async function relayed(): Promise<{ relay: TcpRelay; url: Secret }> {
  const relay = await TcpRelay.to(database.url.reveal());
  return { relay, url: new Secret(relay.url) };
}

describe('a singleton lock', () => {
  it('is held by exactly one of ten who race, and is free again after release', async () => {
    const locks = await Promise.all(Array.from({ length: 10 }, () => take('race')));
    const held = locks.filter((lock) => lock !== undefined);
    expect(held).toHaveLength(1);
    expect(await take('another name')).toBeDefined();
    await held[0]?.release();
    expect(held[0]?.state()).toBe('released');
    expect((await take('race'))?.state()).toBe('held');
  });

  it('is taken again after its session was terminated', async () => {
    const onLost = vi.fn();
    const lock = await take('terminated', database.url, onLost);
    await database.dataSource.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tollgate lock terminated'`,
    );
    await vi.waitFor(() => expect(lock?.state()).toBe('uncertain'), { interval: 5 });
    await vi.waitFor(() => expect(lock?.state()).toBe('held'), 5_000);
    expect(await take('terminated')).toBeUndefined();
    expect(onLost).not.toHaveBeenCalled();
    await lock?.release();
  });

  it('is lost, and says so once, when somebody else took it while the database could not be reached', async () => {
    const { relay, url } = await relayed();
    const onLost = vi.fn();
    const lock = await take('partition', url, onLost);
    relay.cut();
    await vi.waitFor(() => expect(lock?.state()).toBe('uncertain'));
    const other = await take('partition');
    expect(other?.state()).toBe('held');
    relay.restore();
    await vi.waitFor(() => expect(lock?.state()).toBe('lost'), 5_000);
    expect(onLost).toHaveBeenCalledOnce();
    await other?.release();
    await relay.close();
  });

  /** After a silent network cut the server keeps our old session for minutes; it must not be mistaken for a rival. */
  it('is not lost to its own session that the server still believes in', async () => {
    const { relay, url } = await relayed();
    const onLost = vi.fn();
    const lock = await take('ghost', url, onLost);
    relay.silence();
    await vi.waitFor(() => expect(lock?.state()).toBe('uncertain'), 8_000);
    relay.restore();
    await vi.waitFor(() => expect(lock?.state()).toBe('held'), 15_000);
    expect(onLost).not.toHaveBeenCalled();
    await lock?.release();
    await relay.close();
  });
});
