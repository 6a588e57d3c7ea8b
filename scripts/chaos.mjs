// `npm run chaos [-- kill ROUNDS | spool ROUNDS | replicas CALLS | revocation BLOCKS [RATE] | drain ENTRIES]`: builds what is stale and makes life hard for a long time; all, when none is named.
import { join } from 'node:path';
import { ROOT, assertHostNode, run, say } from './runtime.mjs';

assertHostNode();
const { prepare } = await import('./prepare.mjs');

const RUNS = {
  kill: { file: 'kill-under-load.ts', rounds: '20', limitMs: 30 * 60_000 },
  replicas: { file: 'replicas.ts', rounds: '500', limitMs: 20 * 60_000 },
  revocation: { file: 'revocation.ts', rounds: '100', limitMs: 20 * 60_000 },
  drain: { file: 'drain.ts', rounds: '1000000', limitMs: 30 * 60_000 },
  spool: { file: 'spool-kill.ts', rounds: '300', limitMs: 90 * 60_000 },
};
const [name, rounds, ...more] = process.argv.slice(2);
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
