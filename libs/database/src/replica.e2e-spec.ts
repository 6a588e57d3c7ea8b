import { newId, Secret } from '#libs/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { TcpRelay } from '../../../test/harness/tcp-relay.js';
import { type ChangeMark, Changes, withTransaction } from './index.js';

let database: TestDatabase;
let relay: TcpRelay;
let here: Changes;
let there: Changes;
const heard: string[] = [];

async function replica(url: Secret): Promise<Changes> {
  const changes = new Changes({ directUrl: url, pollMs: 200 }, silentLogger);
  await changes.start();
  await changes.register({ incarnation: newId('inc'), role: 'proxy', host: 'test' });
  return changes;
}
const block = (id: string): Promise<ChangeMark> =>
  withTransaction(database.dataSource, { system: 'test' }, (manager) => here.publish(manager, 'key', id));

beforeAll(async () => {
  database = await createTestDatabase();
  relay = await TcpRelay.to(database.url.reveal());
  here = await replica(database.url);
  there = await replica(new Secret(relay.url));
  there.subscribe({ onChange: ({ id }) => heard.push(id), onGap: () => heard.push('gap') });
});
afterAll(async () => {
  await here?.stop();
  await there?.stop();
  await relay?.close();
  await database?.drop();
});

describe('who takes a right away', () => {
  it('is answered when every replica has dropped it, and soon', async () => {
    for (let n = 0; n < 20; n += 1) {
      const mark = await block(`key-${n}`);
      const receipt = await here.waitForReplicas(database.dataSource, mark);
      expect(heard).toContain(`key-${n}`);
      expect(receipt).toMatchObject({ replicas: 2, acknowledged: 2, fenced: 0, isCertain: true });
      expect(receipt.tookMs).toBeLessThan(1_000);
    }
  });

  it('is answered also while some long transaction holds everybody back', async () => {
    await database.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_current_xact_id()');
      const receipt = await here.waitForReplicas(database.dataSource, await block('behind-a-long-one'));
      expect(receipt).toMatchObject({ acknowledged: 2, fenced: 0 });
    });
  });

  it('waits for one that hears nothing until that one serves nobody, and it is in step before it serves again', async () => {
    relay.silence();
    const receipt = await here.waitForReplicas(database.dataSource, await block('unheard'));
    expect(there.isFenced()).toBe(true);
    expect(heard).not.toContain('unheard');
    expect(receipt).toMatchObject({ replicas: 2, acknowledged: 1, fenced: 1, isCertain: true });
    expect(receipt.tookMs).toBeLessThan(10_000);
    expect(here.isFenced()).toBe(false);
    // With the store as such away nobody can take rights away: what is known is served on.
    there.knowOutagesFrom(() => true);
    expect(there.isFenced()).toBe(false);
    there.knowOutagesFrom(() => false);
    // It gets a moment to come into step; it does not, because it still hears nothing.
    await expect.poll(() => there.isFenced(), { timeout: 10_000 }).toBe(true);
    relay.restore();
    await expect.poll(() => there.isFenced(), { timeout: 10_000 }).toBe(false);
    expect(heard).toContain('unheard');
  });

  it('does not wait for one that went in good order', async () => {
    await there.stop();
    const receipt = await here.waitForReplicas(database.dataSource, await block('after-the-other-left'));
    expect(receipt).toMatchObject({ replicas: 1, acknowledged: 1, fenced: 0 });
  });

  it('hears when the store was gone before the others could be asked', async () => {
    const gone = { query: () => Promise.reject(new Error('gone')) };
    const receipt = await here.waitForReplicas(gone, await block('last'));
    expect(receipt).toMatchObject({ isCertain: false });
  });
});
