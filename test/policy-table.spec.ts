import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Doors that the policy table would not know of, and what is written instead. */
const BACK_DOORS: readonly (readonly [RegExp, string])[] = [
  [/@(?:Get|Post|Put|Patch|Delete|All|Head|Options|Search|Sse)\s*\(/, '@Handles(...)'],
  [/@WebSocketGateway\s*\(|\.on\(\s*'upgrade'|addListener\(\s*'upgrade'/, 'a row of the table'],
  [/\bexpress\.(?:static|Router)\b|useStaticAssets|serveStatic/, 'a handler'],
  [/\bapp\.(?:get|post|put|patch|delete|all)\(\s*['"`]\//, 'a handler'],
];
/** The one server's door for WebSockets: boot says which rows stand behind it, and the start checks that there is no other. */
const DECLARED_DOORS: ReadonlySet<string> = new Set(['libs/http/src/fast-express.adapter.ts']);
/** Files that listen themselves. Each says why. */
const LISTENERS: Readonly<Record<string, string>> = {
  'libs/http/src/fast-express.adapter.ts': 'the one server',
  'src/preflight.ts': 'asks whether the port is free, and answers nobody',
  'libs/database/src/embedded/server.ts': 'asks whether a port is free, and answers nobody',
  'libs/budget/src/spool/incarnation.ts': 'a socket that says this process lives, and answers nobody',
  'apps/admin/src/apart/reader.ts':
    'a socket in a folder that only this account may open: the process that serves asks there, after its own guards',
};

const files = ['src', 'apps', 'libs'].flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .map((path) => `${top}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts') && !/spec\.ts$|^apps\/console\/|node_modules/.test(path)),
);
const sources = files.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

describe('the policy table', () => {
  it('is the only door: no handler is mapped past it', () => {
    const found = sources.flatMap(({ path, text }) =>
      BACK_DOORS.filter(([door]) => door.test(text) && !DECLARED_DOORS.has(path)).map(
        ([, instead]) => `${path}: use ${instead}`,
      ),
    );
    expect(found).toEqual([]);
  });

  it('knows every listener', () => {
    const listening = sources
      .filter(({ text }) => /\bcreate(?:Secure)?Server\s*\(/.test(text))
      .map(({ path }) => path);
    expect(listening.filter((path) => !(path in LISTENERS))).toEqual([]);
  });

  it.each(["@Get('x')", "server.on('upgrade', f)", 'app.use(express.static(d))', "app.get('/x', f)"])(
    'would see: %s',
    (line) => {
      expect(BACK_DOORS.some(([door]) => door.test(line))).toBe(true);
    },
  );
});
