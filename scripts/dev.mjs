// `npm run dev`: the product, rebuilt and restarted whenever a source changes.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { MAIN, ROOT, assertHostNode } from './runtime.mjs';

assertHostNode();
const { prepare } = await import('./prepare.mjs');
const node = await prepare();
const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const compiler = spawn(
  node,
  [tsc, '-p', join(ROOT, 'tsconfig.build.json'), '--watch', '--preserveWatchOutput'],
  {
    cwd: ROOT,
    stdio: 'inherit',
  },
);
const product = spawn(
  node,
  ['--watch', `--watch-path=${join(ROOT, 'dist')}`, MAIN, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    compiler.kill(signal);
    product.kill(signal);
  });
}
product.on('exit', (code) => {
  compiler.kill('SIGTERM');
  process.exitCode = code ?? 1;
});
