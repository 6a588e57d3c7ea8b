// `npm run chaos [-- RUN ...]`: builds what is stale and makes life hard for a long time; all runs, when none is named; `-- --help` lists them.
import { join } from 'node:path';
import { ROOT, assertHostNode, run, say } from './runtime.mjs';

assertHostNode();
const { prepare } = await import('./prepare.mjs');

const RUNS = {
  kill: {
    ...{ file: 'kill-under-load.ts', rounds: '20', limitMs: 30 * 60_000 },
    help: '[ROUNDS]  the product killed under load and started again; then its books are compared',
  },
  replicas: {
    ...{ file: 'replicas.ts', rounds: '500', limitMs: 20 * 60_000 },
    help: '[CALLS [SCOPE]]  so many calls at once over three replicas, against each kind of budget',
  },
  redis: {
    ...{ file: 'redis-loss.ts', rounds: '150', limitMs: 20 * 60_000 },
    help: '[RATE [available | strict]]  Redis killed, silent and emptied under a steady load on two replicas: latency, time to heal, caps',
  },
  revocation: {
    ...{ file: 'revocation.ts', rounds: '100', limitMs: 20 * 60_000 },
    help: '[BLOCKS [RATE]]  keys blocked under load on three replicas, also with the wire cut or silent',
  },
  drain: {
    ...{ file: 'drain.ts', rounds: '1000000', limitMs: 30 * 60_000 },
    help: '[ENTRIES [PROCESSES]]  so many entries of the ledger stored in PostgreSQL',
  },
  histories: {
    ...{ file: 'histories.ts', rounds: '200', limitMs: 60 * 60_000 },
    help: '[HISTORIES [SEED [STAGE]]]  random calls and changes by administrators, process ends included, on one process and on two with Redis (or on the STAGE that is named alone); every sum compared',
  },
  spool: {
    ...{ file: 'spool-kill.ts', rounds: '300', limitMs: 90 * 60_000 },
    help: '[ROUNDS]  the spool alone, its process killed over and over; then PostgreSQL is asked',
  },
};
const [name, rounds, ...more] = process.argv.slice(2);
if (name === '--help') {
  for (const [run, { help, rounds: usual }] of Object.entries(RUNS))
    process.stdout.write(`npm run chaos -- ${run} ${help}; ${usual} unless told\n`);
  process.exit(0);
}
if (name !== undefined && !(name in RUNS)) {
  say(`unknown run ${name}; there are ${Object.keys(RUNS).join(', ')}`);
  process.exit(2);
}
const node = await prepare();
const hooks = [
  '--no-warnings',
  '--experimental-transform-types',
  '--import',
  join(ROOT, 'test', 'chaos', 'typescript.mjs'),
];
for (const one of name === undefined ? Object.keys(RUNS) : [name]) {
  const { file, rounds: usual, limitMs } = RUNS[one];
  say(`chaos: ${one}`);
  const code = await run(node, [...hooks, join(ROOT, 'test', 'chaos', file), rounds ?? usual, ...more], {
    limitMs,
  });
  if (code !== 0) process.exitCode = code;
}
