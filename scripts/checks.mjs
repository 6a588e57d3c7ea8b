// The checks that read the sources and run nothing of the product. `npm run check` runs them alone; `npm test` counts one test each.
import { join } from 'node:path';
import { ROOT, assertHostNode, run, say } from './runtime.mjs';

const tool = (...parts) => join(ROOT, 'node_modules', ...parts);

const CHECKS = [
  {
    name: 'format',
    args: [tool('prettier', 'bin', 'prettier.cjs'), '--check', '--log-level=warn', '.'],
    fix: 'npm run format',
  },
  { name: 'lint', args: [tool('oxlint', 'bin', 'oxlint'), '--deny-warnings'] },
  {
    name: 'types',
    args: [tool('typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--noEmit', '--incremental', 'false'],
  },
  { name: 'unused', args: [tool('knip', 'bin', 'knip.js'), '--no-progress'] },
];
const ARCHITECTURE = {
  name: 'architecture',
  args: [tool('vitest', 'vitest.mjs'), 'run', 'test/architecture.spec.ts'],
};

/** Runs each check; prints what failed; resolves to the counts. One at a time: type-checking alone fills a core. */
export async function runChecks(node, { architecture = false } = {}) {
  let passed = 0;
  let failed = 0;
  for (const check of architecture ? [...CHECKS, ARCHITECTURE] : CHECKS) {
    const started = Date.now();
    const output = [];
    const code = await run(node, check.args, { output, limitMs: 180_000 });
    const ok = code === 0;
    if (ok) passed += 1;
    else failed += 1;
    const time = `${((Date.now() - started) / 1000).toFixed(1)} s`;
    process.stdout.write(`  ${ok ? 'ok  ' : 'FAIL'} ${check.name} (${time})\n`);
    if (!ok) {
      process.stdout.write(`${Buffer.concat(output).toString('utf8').trimEnd()}\n`);
      if (check.fix) process.stdout.write(`  to mend it: ${check.fix}\n`);
    }
  }
  return { passed, failed, skipped: 0 };
}

if (process.argv[1] && import.meta.url.endsWith('/checks.mjs') && process.argv[1].endsWith('checks.mjs')) {
  assertHostNode();
  const { prepare } = await import('./prepare.mjs');
  const node = await prepare({ build: false });
  const { passed, failed } = await runChecks(node, { architecture: true });
  say(`${passed} checks passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
