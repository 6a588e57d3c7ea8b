// `npm run bench`: measures the product beside the bare passthrough, prints a table and writes JSON.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { warmUp, writeInputs } from './load.mjs';
import { pinning } from './processes.mjs';
import { SCENARIOS, machine } from './scenarios.mjs';
import { allKeys, ledgerCount, seed } from './seed.mjs';
import * as starters from './targets.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const names = Object.keys(SCENARIOS);
const HELP = `npm run bench -- [options]
  --quick           a tenth of the time: a smoke test, not a measurement
  --only A,B        some of: ${names.join(', ')}
  --with-redis      also measure the product counting in Redis
  --with-litellm    also measure LiteLLM (installed from PyPI into test/bench/.work)
  --with-portkey    also measure Portkey's gateway (installed from npm into test/bench/.work)
  --bare-only       no product: measure the yardstick and the tools
  --out FILE        where the JSON goes (default: test/bench/results/<time>.json)
`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    'with-redis': { type: 'boolean', default: false },
    'with-litellm': { type: 'boolean', default: false },
    'with-portkey': { type: 'boolean', default: false },
    'bare-only': { type: 'boolean', default: false },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const chosen = values.only?.split(',') ?? names;
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown scenario ${unknown.join(', ')}\n${HELP}`);
  process.exit(2);
}

const size = values.quick
  ? { rounds: 1, seconds: 3, totalRequests: 50_000 }
  : { rounds: 3, seconds: 10, totalRequests: 1_000_000 };
const work = join(here, '.work');
mkdirSync(work, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
chmodSync(folder, 0o755); // the database runs as another user when we are root
const started = new Set();
const keep = (target) => (started.add(target), target);
const say = (text) => process.stdout.write(`${text}\n`);

async function stopAll() {
  for (const each of [...started].reverse()) await each.stop();
  started.clear();
  rmSync(folder, { recursive: true, force: true });
}

/** Bare and governed in front of one upstream; governed is a stand-in of bare where the product is not wanted. */
async function pair(upstream, database) {
  const bare = keep(await starters.startBare(upstream));
  const governed = values['bare-only']
    ? { ...keep(await starters.startBare(upstream)), name: 'governed' }
    : keep(await starters.startGoverned(upstream, database, folder));
  return [bare, governed];
}

async function optional(name, startIt) {
  if (!values[`with-${name}`]) return [];
  try {
    return [keep(await startIt())];
  } catch (error) {
    notMeasured.push({ name, why: String(error.message).slice(0, 300) });
    return [];
  }
}

const notMeasured = [];
const results = {};
const rows = [];
try {
  say(`${pinning}; ${cpus().length} cores, Node ${process.versions.node}`);
  const upstream = keep(await starters.startUpstream(folder));
  const streams = keep(await starters.startStreamUpstream());
  const database = values['bare-only'] ? undefined : keep(await starters.startDatabase(folder));
  if (database) await seed(database.url);
  const inputs = writeInputs(folder, allKeys);
  const context = { inputs, ...size, databaseUrl: database?.url };
  // Memory comes first, on processes that have done nothing yet; each pair ends before the next begins.
  const order = [...chosen].sort(
    (a, b) => Number(SCENARIOS[b].needs === 'fresh') - Number(SCENARIOS[a].needs === 'fresh'),
  );
  let standing;
  /** The product without the bare one beside it. */
  const ALONE = {
    tokens: async () => [keep(await starters.startGovernedWithTokens(upstream, database, folder))],
    embedded: async () => [keep(await starters.startGoverned(upstream, undefined, folder))],
  };
  const stand = async (kind, source) => {
    if (standing?.kind === kind) return standing.targets;
    for (const target of standing?.targets ?? []) {
      await target.stop();
      started.delete(target);
    }
    standing = { kind, targets: await (ALONE[kind]?.() ?? pair(source, database)) };
    if (kind === 'whole' || kind === 'streams') await warmUp(standing.targets, inputs, kind === 'streams');
    return standing.targets;
  };
  const warm = async (targets) => {
    await warmUp(targets, inputs, false);
    return targets;
  };
  let others;
  for (const name of order) {
    const scenario = SCENARIOS[name];
    say(`\n== ${name}: ${scenario.describe}`);
    const began = Date.now();
    try {
      if (['flood', 'jwt', 'writes'].includes(name) && values['bare-only'])
        throw new Error('it needs the product');
      const kind = scenario.needs ?? 'whole';
      const targets = await stand(kind, kind === 'streams' ? streams : upstream);
      others ??= await warm([
        ...(await optional('redis', () => starters.startGovernedWithRedis(upstream, database, folder))),
        ...(await optional('litellm', () => starters.startLiteLlm(upstream, work))),
        ...(await optional('portkey', () => starters.startPortkey(upstream, work))),
      ]);
      const outcome = await scenario.run({
        ...context,
        targets,
        others,
        streamTargets: targets,
        freshTargets: targets,
      });
      results[name] = outcome.result;
      for (const row of outcome.rows) {
        rows.push(row);
        say(line(row));
      }
      for (const other of others) {
        const measured = outcome.result[other.name];
        if (measured?.rps)
          say(
            `  ${other.name}: ${measured.rps.toFixed(0)} req/s (${(measured.rps / outcome.result.bare.rps).toFixed(4)} of bare), p50 ${measured.p50Ms.toFixed(2)} ms`,
          );
      }
    } catch (error) {
      notMeasured.push({ name, why: error.message });
      say(`  not measured: ${error.message}`);
    }
    say(`  (${((Date.now() - began) / 1000).toFixed(0)} s)`);
  }
  // The product drains its spool when it stops; what is in the ledger then is all it will ever say.
  for (const target of standing?.targets ?? []) await target.stop();
  if (database) results.ledgerEntries = await ledgerCount(database.url);
} finally {
  await stopAll();
}

function line({ name, unit, bare, governed, verdict, target, isMet }) {
  const number = (value) => (value === undefined ? '-' : value >= 100 ? value.toFixed(0) : value.toFixed(3));
  return `| ${name} (${unit}) | ${number(bare)} | ${number(governed)} | ${verdict} | ${target} | ${isMet ? 'yes' : 'NO'} |`;
}

const file = values.out ?? join(here, 'results', `${new Date().toISOString().replace(/[:.]/g, '-')}.json`);
mkdirSync(join(file, '..'), { recursive: true });
const report = {
  at: new Date().toISOString(),
  machine: { ...machine(), cores: cpus().length },
  pinning,
  size,
  rows,
  notMeasured,
  results,
};
writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
say(`\n| | bare | governed | verdict | goal | met |\n|---|--:|--:|---|---|---|`);
for (const row of rows) say(line(row));
for (const { name, why } of notMeasured) say(`| ${name} | | | not measured: ${why.split('\n')[0]} | | |`);
if (results.ledgerEntries !== undefined) say(`ledger entries written: ${results.ledgerEntries}`);
say(`\nwritten to ${file}`);
process.exitCode = notMeasured.length > 0 ? 1 : 0;
