import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

const MACHINERY = ['config', 'telemetry', 'database', 'counters', 'http'];
const BUSINESS = [
  'tenancy',
  'auth',
  'rbac',
  'ratelimit',
  'budget',
  'routing',
  'providers',
  'audit',
  'runtime',
  'decisions',
];

/** Rooms that never know each other: they meet in a use case, through kernel words. */
const STRANGERS = ['auth', 'rbac', 'ratelimit', 'budget'];

/** Arrows inside a level. All others there are wrong, so that a new one is a decision and not an accident. */
const SIDEWAYS: Record<string, readonly string[]> = {
  auth: ['tenancy', 'audit'],
  tenancy: ['audit'],
  // Tenancy owns the port through which a key's spend is read; budget owns the books behind it.
  budget: ['routing', 'tenancy'],
  providers: ['routing'],
  // Keeps what routing knows in step with the database, and changes it in tenancy's transactions.
  runtime: ['routing', 'tenancy', 'audit'],
  // Whose a decision is to see, tenancy says.
  decisions: ['tenancy'],
  telemetry: ['config'],
  database: ['config', 'telemetry'],
  counters: ['config', 'telemetry'],
  http: ['config', 'telemetry'],
};

/** `libs/auth/src/x.ts` is in room `auth` on level 2; src is above apps is above the rooms. */
function placeOf(path: string): { room: string; level: number } {
  const [top = '', name = ''] = path.split('/');
  if (top === 'src') return { room: 'src', level: 5 };
  if (top === 'apps') return { room: `apps/${name}`, level: 4 };
  if (BUSINESS.includes(name)) return { room: name, level: 3 };
  if (MACHINERY.includes(name)) return { room: name, level: 2 };
  return { room: name, level: name === 'kernel' ? 1 : NaN };
}

function importsOf(source: string): string[] {
  return [...source.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target = '']) => target);
}

/** Every rule that this file breaks, each as a sentence. */
function faultsOf(path: string, source: string): string[] {
  const from = placeOf(path);
  const faults: string[] = [];
  if (Number.isNaN(from.level)) faults.push(`libs/${from.room} is not a room of the design`);
  for (const target of importsOf(source)) {
    const inside = join(path, '..', target);
    if (target.startsWith('.') && placeOf(inside).room !== from.room)
      faults.push(`reaches past a door: ${target}`);
    if (!target.startsWith('#')) continue;
    if (!/^#(libs|apps)\/[a-z]+$/.test(target)) faults.push(`not through an index.ts: ${target}`);
    const to = placeOf(target.slice(1));
    const isSideways = to.level === from.level && SIDEWAYS[from.room]?.includes(to.room);
    const isStranger = STRANGERS.includes(from.room) && STRANGERS.includes(to.room);
    if (!(to.level < from.level || isSideways) || isStranger)
      faults.push(`wrong arrow: ${from.room} -> ${to.room}`);
  }
  if (/\bexport \*/.test(source)) faults.push('export *');
  if (/(?::|<|as|,|\|)\s*any\b(?=\s*[;,)>\]=|{]|\[\])/.test(source)) faults.push('any');
  if (/\b(TODO|FIXME)\b/.test(source)) faults.push('TODO');
  if (/catch\s*(\([^)]*\))?\s*\{\s*\}/.test(source)) faults.push('empty catch');
  if (/\bprocess\.env\b/.test(source) && from.room !== 'config' && from.room !== 'src')
    faults.push('process.env');
  if (source.split('\n').length > 401) faults.push('over 400 lines');
  if (/\/(utils?|common|shared|helpers?|core)\//.test(path)) faults.push('a folder named for nothing');
  if (/[.-](service|manager|helper|util)s?\.ts$/.test(path)) faults.push('a file named for nothing');
  return faults;
}

/** What tests alone stand on (`….harness.ts`, and `test` in a room) is not built, and may use the harness of all. */
const isProduct = (path: string) =>
  path.endsWith('.ts') &&
  !/spec\.ts$|\.harness\.ts$|^libs\/\w+\/test\/|^apps\/console\/|node_modules/.test(path);
const product = ['src', 'apps', 'libs'].flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .map((path) => `${top}/${path}`.replaceAll('\\', '/'))
    .filter(isProduct),
);

describe('the architecture', () => {
  it('is kept by every source file', () => {
    expect(product.length).toBeGreaterThan(30);
    const faults = product.flatMap((path) =>
      faultsOf(path, readFileSync(join(root, path), 'utf8')).map((fault) => `${path}: ${fault}`),
    );
    expect(faults).toEqual([]);
  });

  /** A rule that nothing can break is not a rule: each is shown a source that breaks it. */
  it.each([
    ['libs/auth/src/x.ts', 'wrong arrow: auth -> budget', "import { a } from '#libs/budget';"],
    ['libs/kernel/src/x.ts', 'wrong arrow: kernel -> config', "import { a } from '#libs/config';"],
    ['libs/config/src/x.ts', 'wrong arrow: config -> routing', "import { a } from '#libs/routing';"],
    ['libs/budget/src/x.ts', 'wrong arrow: budget -> apps/proxy', "const a = await import('#apps/proxy');"],
    ['apps/proxy/src/x.ts', 'wrong arrow: apps/proxy -> apps/admin', "import { a } from '#apps/admin';"],
    [
      'apps/proxy/src/x.ts',
      'not through an index.ts: #libs/auth/key-vault.js',
      "export { a } from '#libs/auth/key-vault.js';",
    ],
    ['apps/proxy/src/x.ts', 'reaches past a door: ../../admin/src/y.js', "import '../../admin/src/y.js';"],
    ['libs/misc/src/x.ts', 'libs/misc is not a room of the design', ''],
    ['libs/auth/src/index.ts', 'export *', "export * from './a.js';"],
    ['libs/auth/src/x.ts', 'any', 'function f(a: any) {}'],
    ['libs/auth/src/x.ts', 'TODO', '// TODO later'],
    ['libs/auth/src/x.ts', 'empty catch', 'try { f(); } catch (e) {}'],
    ['apps/admin/src/x.ts', 'process.env', 'const a = process.env.A;'],
    ['apps/admin/src/x.ts', 'over 400 lines', '\n'.repeat(401)],
    ['libs/auth/src/utils/x.ts', 'a folder named for nothing', ''],
    ['libs/auth/src/key.service.ts', 'a file named for nothing', ''],
  ])('would say of a line in %s: %s', (path, fault, source) => {
    expect(faultsOf(path, source)).toContain(fault);
  });

  it.each([
    ['src/boot.ts', "import { a } from '#apps/proxy';\nconst b = process.env.PORT;"],
    ['libs/auth/src/x.ts', "import { a } from '#libs/kernel';\nimport { b } from './b.js';"],
    ['libs/budget/src/deep/x.ts', "import type { D } from '#libs/routing';\nimport { b } from '../b.js';"],
  ])('lets %s be', (path, source) => {
    expect(faultsOf(path, source)).toEqual([]);
  });
});
