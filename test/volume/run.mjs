// `npm run volume`: a database of the asked-for size, and how long each list and report takes over it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort, start, waitForHttp } from '../bench/processes.mjs';
import { openDatabase } from './database.mjs';
import { routesAt } from './routes.mjs';
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
const isWhole = (number) => Number.isInteger(number) && number >= 0;
if (![size.keys, size.rows, limitMs].every((number) => isWhole(number) && number > 0) || !isWhole(rounds)) {
  process.stderr.write(HELP);
  process.exit(2);
}

const MASTER_KEY = 'sk-volume-test-master-key-of-some-length';
const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (text) => process.stdout.write(`${text}\n`);

const database = await openDatabase({ size, keep: values.keep, say });
let product;
try {
  if (rounds > 0) {
    const port = await freePort();
    product = start('gateway', process.execPath, [join(root, 'dist', 'src', 'main.js')], {
      cwd: database.folder,
      env: {
        PATH: process.env.PATH,
        PORT: String(port),
        DATABASE_URL: database.url,
        LITELLM_MASTER_KEY: MASTER_KEY,
        LITELLM_SALT_KEY: 'a-salt-key-for-the-volume-test-only',
        TOLLGATE_DATA_DIR: join(database.folder, 'data'),
      },
    });
    const base = `http://127.0.0.1:${port}`;
    await waitForHttp(`${base}/health/readiness`, product);
    const results = await measure(base);
    print(results);
    writeJson(results);
    process.exitCode = results.some(({ missed }) => missed) ? 1 : 0;
  }
} finally {
  await product?.stop();
  await database.stop();
}

/** As the proxy's administrator everything; as others what they may ask for. */
async function measure(base) {
  const results = new Map();
  const readers = Object.entries({ proxy_admin: MASTER_KEY, ...READERS });
  // The first round warms what stays warm in a running product: its connections and the database's cache.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [reader, secret] of readers) {
      for (const [name, path, body] of routesAt(round)) {
        const began = performance.now();
        const response = await fetch(encodeURI(base + path), {
          method: body === undefined ? 'GET' : 'POST',
          headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        const bytes = (await response.arrayBuffer()).byteLength;
        const result = results.get(`${reader} ${name}`) ?? {
          reader,
          name,
          path: path.split('?')[0],
          times: [],
          bytes: 0,
          status: 0,
        };
        result.status = Math.max(result.status, response.status);
        result.bytes = Math.max(result.bytes, bytes);
        if (round > 0) result.times.push(performance.now() - began);
        results.set(`${reader} ${name}`, result);
      }
    }
  }
  const isRefused = ({ reader, status }) => reader !== 'proxy_admin' && (status === 401 || status === 403);
  return [...results.values()]
    .filter((result) => !isRefused(result))
    .map(({ times, ...result }) => {
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share) => Math.round((sorted[Math.ceil(sorted.length * share) - 1] ?? 0) * 10) / 10;
      const p95 = at(0.95);
      return { ...result, p50: at(0.5), p95, missed: result.status !== 200 || p95 > limitMs };
    });
}

function print(results) {
  const head = ['status', 'p50 ms', 'p95 ms', 'kB'].map((word) => word.padStart(9)).join('');
  say(`\n${'reader'.padEnd(15)}${'route'.padEnd(26)}${head}`);
  for (const { reader, name, status, p50, p95, bytes, missed } of results) {
    const figures = [status, p50, p95, Math.ceil(bytes / 1024)].map((figure) => String(figure).padStart(9));
    say(`${reader.padEnd(15)}${name.padEnd(26)}${figures.join('')}${missed ? '  missed' : ''}`);
  }
}

function writeJson(results) {
  const folderOfResults = fileURLToPath(new URL('results', import.meta.url));
  mkdirSync(folderOfResults, { recursive: true });
  const at = new Date().toISOString();
  const file = values.out ?? join(folderOfResults, `${at.slice(0, 19).replaceAll(':', '-')}.json`);
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(file, `${JSON.stringify({ at, ...size, rounds, limitMs, machine, results }, null, 2)}\n`);
  say(`\n${file}`);
}
