import { mkdtempSync, readdirSync, renameSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { beginRecord, endRecord } from './records.harness.js';
import { LedgerDatabase } from './ledger-database.harness.js';
import type { SpendLedger } from './spend-ledger.js';

const database = LedgerDatabase.forThisFile();

const begun = (ledger: SpendLedger, id: string): Promise<void> =>
  new Promise((resolve, reject) =>
    ledger.begin(beginRecord({ id }), (refused) => (refused ? reject(refused) : resolve())),
  );
const ended = (ledger: SpendLedger, id: string, cost: bigint): Promise<void> =>
  new Promise((resolve, reject) =>
    ledger.end(endRecord(id, cost), (failed) => (failed ? reject(failed) : resolve())),
  );

async function books(): Promise<object> {
  const [entries, balances, days] = await Promise.all([
    database.query('SELECT id, flag, status, cost_nano AS cost FROM ledger_entries ORDER BY id'),
    database.query('SELECT settled_nano AS nano, requests, output_tokens AS output FROM balances'),
    database.query(`SELECT facet, requests, successes, spend_nano AS nano, output_tokens AS output FROM daily_activity
      WHERE facet IN ('key', 'proxy') AND requests <> 0 ORDER BY facet`),
  ]);
  return { entries, balances, days };
}

/** A frozen machine is taken for dead after three silent minutes, its calls are charged whole, and then it is back and knows better. */
it('what a process that was taken for dead knows of its calls replaces what they might have cost', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-returned-'));
  const frozen = await database.open(dataDir);
  await begun(frozen, 'req_a.0');
  await begun(frozen, 'req_b.0');
  await ended(frozen, 'req_b.0', 20n);
  await frozen.flush();
  const corrected: string[] = [];
  frozen.onCorrected((entries) => corrected.push(...entries.map(({ id }) => id)));
  // As another machine sees it: a directory of a foreign name that nobody has touched for long.
  const [name = ''] = readdirSync(join(dataDir, 'spool'));
  const foreign = join(dataDir, 'spool', 'elsewhere.0011223344556677');
  renameSync(join(dataDir, 'spool', name), foreign);
  utimesSync(foreign, new Date(0), new Date(0));
  const heir = await database.open(dataDir);
  expect(await books()).toMatchObject({
    entries: [
      { id: 'req_a.0', flag: 'crash', cost: '900' },
      { id: 'req_b.0', cost: '20' },
    ],
    balances: [{ nano: '920', requests: '2' }],
  });
  await ended(frozen, 'req_a.0', 10n);
  await frozen.flush();
  expect(await books()).toEqual({
    entries: [
      { id: 'req_a.0', flag: '', status: 'success', cost: '10' },
      { id: 'req_b.0', flag: '', status: 'success', cost: '20' },
    ],
    balances: [{ nano: '30', requests: '2', output: '8' }],
    days: [
      { facet: 'key', requests: '2', successes: '2', nano: '30', output: '8' },
      { facet: 'proxy', requests: '2', successes: '2', nano: '30', output: '8' },
    ],
  });
  expect(corrected).toEqual(['req_a.0']);
  await heir.close();
  await frozen.close();
});
