import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandRun, runTollgate } from '../harness/command.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

let database: TestDatabase;
let product: Product;
const home = mkdtempSync(join(tmpdir(), 'tollgate-cli-'));

beforeAll(async () => {
  database = await createTestDatabase();
  product = await Product.start({ databaseUrl: database.url.reveal() });
});

afterAll(async () => {
  await product?.dispose();
  await database?.drop();
  rmSync(home, { recursive: true, force: true });
});

const run = (args: readonly string[], env: Record<string, string> = {}): Promise<CommandRun> =>
  runTollgate(args, {
    env: { HOME: home, TOLLGATE_URL: product.url, TOLLGATE_API_KEY: product.masterKey, ...env },
  });

async function json<T>(args: readonly string[]): Promise<T> {
  const { exitCode, output } = await run([...args, '-o', 'json']);
  expect(output).not.toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(output) as T;
}

describe('the command line', () => {
  it('takes a key through its life', async () => {
    const made = await json<{ key: string; token: string }>([
      'keys',
      'create',
      'key_alias=ci',
      'max_budget=1.5',
      'models=["demo"]',
    ]);
    expect(made.key).toMatch(/^sk-/);
    const listed = await run(['keys', 'list']);
    expect(listed.output).toMatch(/KEY_ALIAS/);
    expect(listed.output).toMatch(/\bci\b/);
    expect(listed.output).not.toContain(made.key);
    await json(['keys', 'update', made.token, 'max_budget=2']);
    expect((await json<{ info: { max_budget: number } }>(['keys', 'get', made.token])).info.max_budget).toBe(
      2,
    );
    await json(['keys', 'block', made.token]);
    expect((await json<{ info: { blocked: boolean } }>(['keys', 'get', made.token])).info.blocked).toBe(true);
    await json(['keys', 'unblock', made.token]);
    const rotated = await json<{ key: string; token: string }>(['keys', 'rotate', made.token]);
    expect(rotated.key).not.toBe(made.key);
    await json(['keys', 'delete', rotated.token]);
    expect((await run(['keys', 'get', 'never-was'])).exitCode).toBe(5);
  });

  it.each(['teams', 'users', 'budgets', 'models'])('lists %s', async (noun) => {
    const { exitCode, output } = await run([noun, 'list']);
    expect(output).not.toMatch(/tollgate:/);
    expect(exitCode).toBe(0);
  });

  it('makes and ends teams, users and budgets', async () => {
    expect(
      (await json<{ team_id: string }>(['teams', 'create', 'team_id=t1', 'team_alias=blue'])).team_id,
    ).toBe('t1');
    await json(['users', 'create', 'user_id=u1']);
    await json(['budgets', 'create', 'budget_id=b1', 'max_budget=3']);
    await json(['budgets', 'get', 'b1']);
    await json(['teams', 'block', 't1']);
    for (const [noun, id] of [
      ['teams', 't1'],
      ['users', 'u1'],
      ['budgets', 'b1'],
    ])
      await json([noun ?? '', 'delete', id ?? '']);
  });

  it('never takes a key as an argument', async () => {
    const key = await product.makeKey();
    for (const args of [
      ['keys', 'get', key],
      ['keys', 'create', `key=${key}`],
    ]) {
      const { exitCode, output } = await run(args);
      expect(exitCode).toBe(2);
      expect(output).not.toContain(key);
    }
  });

  it('tells scripts what went wrong by stable exit codes', async () => {
    expect((await run(['keys', 'list'], { TOLLGATE_API_KEY: 'sk-wrong-0123456789' })).exitCode).toBe(3);
    expect((await run(['keys', 'list'], { TOLLGATE_API_KEY: '' })).exitCode).toBe(3);
    expect((await run(['keys', 'create', 'max_budget=-1'])).exitCode).toBe(6);
    expect((await run(['keys', 'list'], { TOLLGATE_URL: 'http://127.0.0.1:9' })).exitCode).toBe(8);
    expect((await run(['keys', 'dance'])).exitCode).toBe(2);
    expect((await run(['budgets', 'rotate', 'x'])).exitCode).toBe(2);
  });

  it('knows a key by its alias, and shows ids whole, so that they can be copied', async () => {
    const { token } = await json<{ token: string }>(['keys', 'create', 'key_alias=by-name']);
    expect((await run(['keys', 'list'])).output).toContain(token);
    await json(['keys', 'block', 'by-name']);
    const { output } = await run(['keys', 'get', 'by-name']);
    expect(output).toMatch(/^blocked +true$/m);
    await json(['keys', 'delete', 'by-name']);
    expect((await run(['keys', 'list'])).output).not.toContain(token);
  });

  /** The API passes over fields it does not know, as LiteLLM does: the key would have no budget at all. */
  it('refuses a field that is misspelt instead of making a key without it', async () => {
    const { exitCode, output } = await run(['keys', 'create', 'key_alias=typo', 'max_budgt=1']);
    expect(exitCode).toBe(2);
    expect(output).toContain('has no field max_budgt');
    expect((await run(['keys', 'get', 'typo'])).exitCode).toBe(5);
  });

  it('says what was wrong with a command in a few lines, and shows nothing of a key or a file', async () => {
    const file = join(home, 'not-json');
    writeFileSync(file, 'root:x:0:0');
    for (const [args, env, problem] of [
      [['keys', 'create', '--file', file], {}, 'is not JSON'],
      [['keys', 'create', '--file', '/nowhere/x'], {}, 'cannot be read (ENOENT)'],
      [['keys', 'list'], { TOLLGATE_API_KEY: 'sk-first\nsk-second' }, 'a line break'],
      [['keys', 'list', '--url', 'gateway'], {}, 'is not an address'],
    ] as const) {
      const { output } = await run(args, env);
      expect(output).toContain(problem);
      expect(output).not.toMatch(/root:|sk-first|sk-second|\n\s+at /);
      expect(output.split('\n').length).toBeLessThan(15);
    }
  });

  it('says on standard error that there are more pages', async () => {
    await json(['keys', 'create', 'key_alias=one']);
    await json(['keys', 'create', 'key_alias=two']);
    expect((await run(['keys', 'list', 'size=1'])).output).toMatch(/page 1 of \d+; the next one: page=2/);
  });

  it('lets a reader stop when it has seen enough', async () => {
    const { spawnSync } = await import('node:child_process');
    const command = `"${process.execPath}" dist/src/main.js audit export | head -c 1`;
    const { stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', command], {
      env: { PATH: process.env['PATH'], HOME: home, DATABASE_URL: database.url.reveal() },
      encoding: 'utf8',
    });
    expect(stdout).toBe('{');
    expect(stderr).toBe('');
  });

  it('keeps a login to itself, and sends its key only to that server', async () => {
    const file = join(home, 'key');
    writeFileSync(file, product.masterKey);
    const { execFileSync } = await import('node:child_process');
    execFileSync('sh', ['-c', `"${process.execPath}" dist/src/main.js login < "${file}"`], {
      env: { PATH: process.env['PATH'], HOME: home, TOLLGATE_URL: product.url },
    });
    const kept = join(home, '.config', 'tollgate', 'login.json');
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect((await run(['keys', 'list'], { TOLLGATE_API_KEY: '', TOLLGATE_URL: '' })).exitCode).toBe(0);
    expect(
      (await run(['keys', 'list', '--url', 'http://127.0.0.1:9'], { TOLLGATE_API_KEY: '' })).exitCode,
    ).toBe(3);
  });
});
