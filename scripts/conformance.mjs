// `npm run conformance -- --base-url URL --master-key KEY`: how exact the limits of a running gateway are; see --help. Without arguments:
// fleets of this one, of 1, 2 and 4 replicas, with shares of classes of callers and twenty agents on one budget beside; `-- own shares,agents` for some.
import { join } from 'node:path';
import { ROOT, assertHostNode, run } from './runtime.mjs';

assertHostNode();
const [first, ...rest] = process.argv.slice(2);
if (first === undefined || first === 'own') {
  const { prepare } = await import('./prepare.mjs');
  const node = await prepare();
  const hooks = [
    '--no-warnings',
    '--experimental-transform-types',
    '--import',
    join(ROOT, 'test/chaos/typescript.mjs'),
  ];
  const file = join(ROOT, 'test', 'conformance', 'own-fleets.ts');
  process.exitCode = await run(node, [...hooks, file, ...rest], { limitMs: 30 * 60_000 });
} else {
  const file = join(ROOT, 'test', 'conformance', 'limits.mjs');
  process.exitCode = await run(process.execPath, [file, first, ...rest], { limitMs: 60 * 60_000 });
}
