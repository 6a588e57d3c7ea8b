// `npm test`: installs what is missing, builds, runs every suite but the benchmarks and the long chaos runs, and ends with one line of sums.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, assertHostNode, run, say } from './runtime.mjs';

assertHostNode();
const { prepare } = await import('./prepare.mjs');
const { runChecks } = await import('./checks.mjs');

const MINUTE = 60_000;
const started = Date.now();
const node = await prepare();
const reports = mkdtempSync(join(tmpdir(), 'tollgate-test-'));
process.on('exit', () => rmSync(reports, { recursive: true, force: true }));

/** Runs one Vitest configuration and reads its report. A crash without a failed test still counts as one failure. */
async function vitest(name, config, limitMs) {
  const report = join(reports, `${name}.json`);
  const code = await run(
    node,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      `--config=${config}`,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    { limitMs },
  );
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const result = JSON.parse(readFileSync(report, 'utf8'));
  // A file that cannot even be loaded has no tests of its own to fail.
  const broken = result.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = result.numFailedTests + broken;
  return {
    passed: result.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

async function script(file, limitMs) {
  const code = await run(node, [join(ROOT, 'scripts', file)], { limitMs });
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

const SUITES = [
  { name: 'checks', run: () => runChecks(node) },
  { name: 'unit', run: () => vitest('unit', 'vitest.config.ts', 10 * MINUTE) },
  { name: 'e2e', run: () => vitest('e2e', 'test/harness/e2e.vitest.config.ts', 30 * MINUTE) },
  { name: 'image', run: () => script('image-steps.mjs', 8 * MINUTE) },
];

const only = process.argv.slice(2);
const unknown = only.filter((name) => !SUITES.some((suite) => suite.name === name));
if (unknown.length > 0) {
  say(`unknown suite ${unknown.join(', ')}; there are ${SUITES.map((suite) => suite.name).join(', ')}`);
  process.exit(1);
}

const sum = { passed: 0, failed: 0, skipped: 0 };
const table = [];
for (const suite of SUITES) {
  if (only.length > 0 && !only.includes(suite.name)) continue;
  const suiteStarted = Date.now();
  process.stdout.write(`\n== ${suite.name}\n`);
  const counts = await suite.run();
  for (const key of Object.keys(sum)) sum[key] += counts[key];
  const time = `${((Date.now() - suiteStarted) / 1000).toFixed(0)} s`;
  table.push(
    `  ${suite.name.padEnd(8)} ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${time})`,
  );
}

const isGreen = sum.failed === 0 && sum.passed > 0 && !(process.env.CI === 'true' && sum.skipped > 0);
process.stdout.write(`\n${table.join('\n')}\n`);
process.stdout.write(`  total    ${((Date.now() - started) / MINUTE).toFixed(1)} min\n`);
if (process.env.CI === 'true' && sum.skipped > 0)
  process.stdout.write('a skipped test is a failure here (CI=true)\n');
if (sum.passed + sum.failed === 0) process.stdout.write('no test ran\n');
process.stdout.write(
  `${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}\n`,
);
process.exitCode = isGreen ? 0 : 1;
