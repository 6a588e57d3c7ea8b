// `npm run volume`: a database of the asked-for size, and how long each list and report takes over it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, cpus, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startGoverned, startUpstream } from '../bench/targets.mjs';
import { measureCalls } from './calls.mjs';
import { openDatabase } from './database.mjs';
import { countStatements, measure, tableOf } from './measure.mjs';
import { READERS } from './seed.mjs';

const HELP = `npm run volume -- [options]
  --keys N       virtual keys (default 100000)
  --rows N       calls in the log (default 2000000)
  --rounds N     requests to each route (default 20; 0 only fills the database)
  --limit-ms N   what the slowest of twenty may take (default 300)
  --out FILE     where the JSON goes (default: test/volume/results/<time>.json)
  --keep DIR     keep the database in this folder, and use the one that an earlier run left there
  --reader NAME  only as this one: proxy_admin, org_admin, team_admin or internal_user
  --only TEXT    only routes with this in their name
  --calls N      how long calls take instead: N a second, without and with somebody who browses, and beside a stranger as busy
  --every-ms N   with --calls: who browses asks for a list this often (default 0: without a pause)
  --apart        with --calls: people read from a process of their own (the admin role), which gives way as does the database
`;
const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    rows: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '20' },
    'limit-ms': { type: 'string', default: '300' },
    out: { type: 'string' },
    keep: { type: 'string' },
    reader: { type: 'string' },
    only: { type: 'string', default: '' },
    calls: { type: 'string', default: '0' },
    'every-ms': { type: 'string', default: '0' },
    apart: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const size = { keys: Number(values.keys), rows: Number(values.rows) };
const rounds = Number(values.rounds);
const limitMs = Number(values['limit-ms']);
const callsPerSecond = Number(values.calls);
const everyMs = Number(values['every-ms']);
const isWhole = (number) => Number.isInteger(number) && number >= 0;
const isSize = (number) => isWhole(number) && number > 0;
if (![size.keys, size.rows, limitMs].every(isSize) || ![rounds, callsPerSecond, everyMs].every(isWhole)) {
  process.stderr.write(HELP);
  process.exit(2);
}

const MOST_STATEMENTS = 3;
const MASTER_KEY = 'sk-volume-test-master-key-of-some-length';
const SECRETS = { LITELLM_MASTER_KEY: MASTER_KEY, LITELLM_SALT_KEY: 'a-salt-key-for-the-volume-test-only' };
const say = (text) => process.stdout.write(`${text}\n`);
const asked = {
  readers: Object.entries({ proxy_admin: MASTER_KEY, ...READERS }).filter(
    ([name]) => values.reader === undefined || values.reader === name,
  ),
  isWanted: ([name]) => name.includes(values.only),
  rounds,
  limitMs,
};

const database = await openDatabase({ size, keep: values.keep, say });
const folder = mkdtempSync(join(tmpdir(), 'tollgate-volume-run-'));
const started = [];
try {
  if (callsPerSecond > 0) {
    const measured = await calls();
    for (const { kind, read, busyShare, p50Ms, p99Ms, statuses } of measured.runs)
      say(
        `${kind === 'browsing' ? `${read} lists read` : kind}`.padEnd(18) +
          `p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms  ` +
          `${busyShare.toFixed(2)} processors  ${JSON.stringify(statuses)}`,
      );
    for (const name of ['p50', 'p99']) {
      const { nobody, browsing, stranger } = measured[name];
      const against = (other) => (browsing / other).toFixed(2);
      say(
        `median ${name}: nobody browses ${nobody.toFixed(2)} ms, browsing ${browsing.toFixed(2)} ms (${against(nobody)}), ` +
          `a stranger as busy ${stranger.toFixed(2)} ms (browsing is ${against(stranger)} of it)`,
      );
    }
    writeJson({ callsPerSecond, everyMs, apart: values.apart, ...measured });
  } else if (rounds > 0) {
    const results = await lists();
    say(`\n${tableOf(results)}`);
    writeJson({ rounds, limitMs, results });
    process.exitCode = results.some(({ missed }) => missed) ? 1 : 0;
  }
} finally {
  for (const child of started.toReversed()) await child.stop();
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function keep(child) {
  started.push(await child);
  return child;
}

async function lists() {
  const upstream = { url: 'http://127.0.0.1:9' };
  const product = await startGoverned(upstream, database, folder, SECRETS);
  const results = await measure(product.url, asked).finally(() => product.stop());
  // Counted in a process of its own, because what counts also costs, and in one that serves no calls: it has no second thread to read in.
  const file = join(folder, 'statements');
  const counting = fileURLToPath(new URL('counting.mjs', import.meta.url));
  const more = {
    ...SECRETS,
    NODE_OPTIONS: `--import=${counting}`,
    STATEMENTS_FILE: file,
    TOLLGATE_ROLE: 'admin',
  };
  const counted = await keep(startGoverned(upstream, database, folder, more));
  const statements = await countStatements(counted.url, file, asked);
  return results.map((result) => {
    const sent = statements.get(`${result.reader} ${result.name}`);
    const missed = result.missed || sent.length > MOST_STATEMENTS;
    return { ...result, queries: sent.length, missed, ...(missed && { statements: sent }) };
  });
}

async function calls() {
  const upstream = await keep(startUpstream(folder, 'elsewhere'));
  const [target, reading] = values.apart ? await startApart(upstream) : await startWhole(upstream);
  return measureCalls(target, reading.url, {
    readers: asked.readers,
    only: values.only,
    everyMs,
    folder,
    perSecond: callsPerSecond,
    seconds: 15,
    pieces: 5,
    place: values.apart ? 'others' : 'everything',
  });
}

/** One process with its own PostgreSQL: what it does so that browsing costs calls nothing is part of what is measured. */
async function startWhole(upstream) {
  await database.close();
  const whole = await keep(startGoverned(upstream, undefined, folder, SECRETS, {}, database.folder));
  return [whole, whole];
}

/** Who browses, and the database, would have machines of their own: here they give way to what is measured. */
async function startApart(upstream) {
  const { PRIORITY_LOW } = constants.priority;
  setPriority(database.pid, PRIORITY_LOW);
  const target = await keep(startGoverned(upstream, database, folder, SECRETS));
  const admin = { ...SECRETS, TOLLGATE_ROLE: 'admin' };
  const reading = await keep(startGoverned(upstream, database, folder, admin, {}, undefined, 'others'));
  setPriority(reading.pid, PRIORITY_LOW);
  return [target, reading];
}

function writeJson(facts) {
  const folderOfResults = fileURLToPath(new URL('results', import.meta.url));
  mkdirSync(folderOfResults, { recursive: true });
  const at = new Date().toISOString();
  const file = values.out ?? join(folderOfResults, `${at.slice(0, 19).replaceAll(':', '-')}.json`);
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(file, `${JSON.stringify({ at, ...size, machine, ...facts }, null, 2)}\n`);
  say(`\n${file}`);
}
