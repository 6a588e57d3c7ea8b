import { type Charge, entryOf, LedgerStore } from '#libs/budget';
import { createDataSource } from '#libs/database';
import { Secret } from '#libs/kernel';
import { beginRecord, endRecord } from '../../libs/budget/src/ledger/fixtures.js';
import { silentLogger } from '../harness/postgres.js';

/** One of the processes that drain.ts starts: stores its entries in batches of a thousand, as the drain does. */
const number = Number(process.argv[2]);
const count = Number(process.argv[3]);
const BATCH = 1_000;

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
    keyId: `key_${key}`,
    userId: `User-${key % 500}`,
    teamId: `team_${key % 50}`,
    organizationId: `org_${key % 10}`,
  });
  const end = endRecord(id, BigInt(1 + (index % 97)), { endedAtMs: startedAtMs + 5 });
  return entryOf(begin, end);
}

const url = new Secret(process.env.DRAIN_URL ?? '');
const dataSource = await createDataSource({ url, poolSize: 2 }, silentLogger);
const store = new LedgerStore(dataSource, silentLogger);
for (let from = 0; from < count; from += BATCH) {
  const size = Math.min(BATCH, count - from);
  await store.insert(Array.from({ length: size }, (_, i) => entry(from + i)));
}
await dataSource.destroy();
