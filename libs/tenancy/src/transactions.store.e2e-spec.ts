import { AuditEvent, Changes, Team } from '#libs/database';
import { AuditTrail } from '#libs/audit';
import { In } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../test/harness/postgres.js';
import { admin, TEST_INSTALLATION } from '../../../test/harness/tenancy.js';
import { Transactions } from './transactions.js';

let test: TestDatabase;
let transactions: Transactions;

beforeAll(async () => {
  test = await createTestDatabase();
  transactions = new Transactions(
    test.dataSource,
    new Changes({ directUrl: test.url }, silentLogger),
    new AuditTrail(TEST_INSTALLATION),
  );
});
afterAll(() => test.drop());

/** Assigning a group while its team is deleted takes the same rows from both ends: one of them was answered 500. */
it('two changes that wait for each other are both done, and recorded once', async () => {
  const ids = ['left', 'right'];
  await test.dataSource.getRepository(Team).save(ids.map((id) => ({ id, alias: id })));
  const runs = { there: 0, back: 0 };
  let holders = 0;
  const bothHoldOne = Promise.withResolvers<void>();
  const change = (name: keyof typeof runs, order: readonly string[]): Promise<void> =>
    transactions.run(admin, async (transaction) => {
      runs[name] += 1;
      for (const [place, id] of order.entries()) {
        if (place === 1) {
          if ((holders += 1) === 2) bothHoldOne.resolve();
          await bothHoldOne.promise;
        }
        await transaction.manager.update(Team, { id }, { alias: `${id} by ${name}` });
        await transaction.record('updated', 'team', id, { before: null, after: { name } });
      }
    });
  await Promise.all([change('there', ids), change('back', ids.toReversed())]);
  // The loser may lose once more.
  expect(runs.there + runs.back).toBeGreaterThan(2);
  const recorded = await test.dataSource.getRepository(AuditEvent).findBy({ nounId: In(ids) });
  expect(recorded).toHaveLength(4);
});
