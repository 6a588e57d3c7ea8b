import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { type Charge, LedgerStore, SpendLedger } from '#libs/budget';
import type { Config } from '#libs/config';
import { createDataSource } from '#libs/database';
import { Secret } from '#libs/kernel';
import { beginRecord, endRecord, recordedCaller } from '../../libs/budget/src/ledger/records.harness.js';
import { createTestDatabase, silentLogger } from '../harness/postgres.js';

/** The process that spool-kill.ts kills: `write` records calls, from the first word it hears until it dies, `adopt` recovers, `postgres` lends a database. */
const [mode, dataDir = '', url = '', label = ''] = process.argv.slice(2);

async function openLedger(): Promise<SpendLedger> {
  const dataSource = await createDataSource({ url: new Secret(url), poolSize: 2 }, silentLogger);
  const config = { server: { dataDir } } as Config;
  const ledger = new SpendLedger(config, new LedgerStore(dataSource, silentLogger), silentLogger);
  await ledger.start();
  return ledger;
}

const CHARGES: readonly Charge[] = [
  { scope: { type: 'team', id: 'chaos' }, budget: 'total', periodId: 'total' },
  { scope: { type: 'key', id: 'chaos' }, budget: 'total', periodId: 'total' },
];

/** Synchronous, so that what was said was said before the kill. The reader may be slower than the writer. */
function tell(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}

/** `+id` is printed in the release callback: the moment a client would see its answer end. `>id`: the upstream was called. */
function writeForEver(ledger: SpendLedger): void {
  let number = 0;
  const one = (): void => {
    const id = `${label}_${(number += 1)}`;
    const begin = beginRecord({
      id,
      startedAtMs: Date.now(),
      charges: CHARGES,
      caller: recordedCaller({ teamId: 'chaos', keyId: 'chaos' }),
    });
    ledger.begin(begin, (refused) => {
      if (refused) throw refused;
      tell(`>${id}`);
      setTimeout(
        () =>
          ledger.end(endRecord(id, 7n, { endedAtMs: Date.now() }), () => {
            tell(`+${id}`);
            setImmediate(one);
          }),
        number % 4,
      );
    });
  };
  for (let lane = 0; lane < 8; lane += 1) one();
}

if (mode === 'postgres') {
  const { url: lent } = await createTestDatabase();
  writeSync(1, `${lent.reveal()}\n`);
  process.stdin.resume().on('end', () => process.exit(0));
} else if (mode === 'adopt') {
  const ledger = await openLedger();
  await ledger.close();
  process.exit(0);
} else {
  await once(process.stdin, 'data');
  writeForEver(await openLedger());
}
