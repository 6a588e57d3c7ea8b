import { once } from 'node:events';
import { type Charge, entryOf, LARGEST_BATCH, LedgerStore } from '#libs/budget';
import { createDataSource } from '#libs/database';
import { Secret } from '#libs/kernel';
import { beginRecord, endRecord, recordedCaller } from '../../libs/budget/src/ledger/records.harness.js';
import { silentLogger } from '../harness/postgres.js';

/** One of the processes that drain.ts starts: stores its entries as the drain does with a backlog, and comes back to what was refused. */
const number = Number(process.argv[2]);
const count = Number(process.argv[3]);
const TRIES = 20;

type Entries = ReturnType<typeof entryOf>[];

const total = (type: Charge['scope']['type'], id: string): Charge => ({
  scope: { type, id },
  budget: 'total',
  periodId: 'total',
});

/** Calls of one key share their list, as in the product. */
const charges = Array.from({ length: 2_000 }, (_, key): Charge[] => {
  const team = `team_${key % 50}`;
  return [
    total('proxy', 'proxy'),
    total('key', `key_${key}`),
    { scope: { type: 'key', id: `key_${key}` }, budget: 'main', periodId: '1mo@20261101T000000Z' },
    total('user', `User-${key % 500}`),
    total('team', team),
    { scope: { type: 'team', id: team }, budget: 'main', periodId: '1mo@20261101T000000Z' },
    total('team_member', `${team}:User-${key % 500}`),
    total('organization', `org_${key % 10}`),
  ];
});

function entry(index: number): ReturnType<typeof entryOf> {
  const key = (index * 7 + number * 131) % charges.length;
  const id = `req_${number}_${index.toString().padStart(7, '0')}`;
  const startedAtMs = Date.UTC(2026, 10, 21, 12) + index;
  const begin = beginRecord({
    id,
    startedAtMs,
    charges: charges[key] ?? [],
    caller: recordedCaller({
      keyId: `key_${key}`,
      userId: `User-${key % 500}`,
      teamId: `team_${key % 50}`,
      organizationId: `org_${key % 10}`,
    }),
  });
  const end = endRecord(id, BigInt(1 + (index % 97)), { endedAtMs: startedAtMs + 5 });
  return entryOf(begin, end);
}

const url = new Secret(process.env.DRAIN_URL ?? '');
const dataSource = await createDataSource({ url, poolSize: 2 }, silentLogger);
const store = new LedgerStore(dataSource, silentLogger);

/** In smaller pieces what PostgreSQL did not take in time, as the drain does it. */
async function insert(entries: Entries, tries = TRIES): Promise<void> {
  try {
    await store.insert(entries);
  } catch (error) {
    process.stderr.write(`process ${number} tries again: ${String(error)}\n`);
    if (tries === 0) throw error;
    const middle = Math.ceil(entries.length / 2);
    await insert(entries.slice(0, middle), tries - 1);
    await insert(entries.slice(middle), tries - 1);
  }
}

function made(from: number): Entries {
  const size = Math.max(0, Math.min(LARGEST_BATCH, count - from));
  return Array.from({ length: size }, (_, i) => entry(from + i));
}

await dataSource.query('SELECT 1');
let batch = made(0);
process.send?.('ready');
await once(process, 'message');
for (let from = batch.length; batch.length > 0; from += batch.length) {
  const stored = insert(batch);
  // Where entries come from is not what is measured: the next are made while these are stored.
  batch = await new Promise<Entries>((resolve) => setImmediate(() => resolve(made(from))));
  await stored;
}
await dataSource.destroy();
process.disconnect?.();
