import { mkdtempSync, readFileSync, rmSync, statSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserOf, makeUserWithPassword, ScriptedBrowser } from '../harness/browser.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { OwnedProcess } from '../harness/process.js';
import { Product } from '../harness/product.js';

const PASSWORD = 'Correct horse 7';
const MODEL = { model_name: 'demo', litellm_params: { model: 'openai/x', mock_response: 'hi' } };
const main = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

let database: TestDatabase;
let product: Product;
const home = mkdtempSync(join(tmpdir(), 'tollgate-login-'));
const kept = join(home, '.config', 'tollgate', 'login.json');

beforeAll(async () => {
  database = await createTestDatabase();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: {
      model_list: [MODEL],
      general_settings: { max_failed_login_attempts_per_source: 1_000, trusted_proxy_ranges: ['127.0.0.1'] },
    },
  });
  await makeUserWithPassword(product, database, 'ada', PASSWORD);
});

afterAll(async () => {
  await product?.dispose();
  await database?.drop();
  rmSync(home, { recursive: true, force: true });
});

interface Started {
  readonly login_id: string;
  readonly poll_secret: string;
  readonly user_code: string;
  readonly expires_in: number;
}

const start = async (headers: Record<string, string> = {}): Promise<Started> =>
  (await (await fetch(`${product.url}/sso/cli/start`, { method: 'POST', headers })).json()) as Started;

async function poll({ login_id: id, poll_secret: secret }: Started, query = '') {
  const response = await fetch(`${product.url}/sso/cli/poll/${id}${query}`, {
    headers: { 'x-litellm-cli-poll-secret': secret },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** What a person does with the link: signs in where asked to, and types the code. */
async function typeCode(browser: ScriptedBrowser, id: string, code: string): Promise<Response> {
  const page = await (await browser.get(`/sso/key/generate?source=litellm-cli&key=${id}`)).text();
  return browser.submit(`/sso/cli/complete/${id}`, {
    user_code: code,
    browser_complete_token: ScriptedBrowser.field(page, 'browser_complete_token'),
  });
}

function command(...args: string[]): OwnedProcess {
  return new OwnedProcess(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'], HOME: home, TOLLGATE_URL: product.url },
  });
}

describe('tollgate login', () => {
  it('signs in with a browser, keeps what it gets to itself, and ends it', async () => {
    const login = command('login');
    await expect.poll(() => /Code: \w/.test(login.output), { timeout: 15_000 }).toBe(true);
    const link = /(http:\S+)/.exec(login.output)?.[1] ?? '';
    const code = /Code: (\S+)/.exec(login.output)?.[1] ?? '';
    const person = new ScriptedBrowser(product.url);
    const form = await (await person.get(link)).text();
    const signedIn = await person.submit('/login', {
      username: 'ada@example.com',
      password: PASSWORD,
      return_to: ScriptedBrowser.field(form, 'return_to').replaceAll('&amp;', '&'),
    });
    const page = await (await person.get(signedIn.headers.get('location') ?? '')).text();
    const done = await person.submit(`/sso/cli/complete/${new URL(link).searchParams.get('key') ?? ''}`, {
      user_code: code.toLowerCase(),
      browser_complete_token: ScriptedBrowser.field(page, 'browser_complete_token'),
    });
    expect(await done.text()).toContain('is signed in');
    await login.ended(15_000);
    expect(login.exitCode).toBe(0);
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    const { key } = JSON.parse(readFileSync(kept, 'utf8')) as { key: string };
    expect(key).toMatch(/^tollgate_cli_[\w-]{43}$/);
    expect(login.output).not.toContain(key);
    expect(product.logs).not.toContain(key);

    const list = command('keys', 'list');
    await list.ended(15_000);
    expect(list.exitCode).toBe(0);
    const chat = { model: 'demo', messages: [{ role: 'user', content: 'x' }] };
    expect((await product.request('POST', '/v1/chat/completions', chat, key)).status).toBe(200);
    expect([401, 403]).toContain((await product.request('POST', '/user/new', {}, key)).status);

    const logout = command('logout');
    await logout.ended(15_000);
    expect(logout.exitCode).toBe(0);
    expect(existsSync(kept)).toBe(false);
    expect((await product.request('GET', '/key/list', undefined, key)).status).toBe(401);
    expect((await person.call('GET', '/session/info')).status).toBe(200);
  });
});

describe('a command line that waits', () => {
  it('is signed in once, by whoever types its code, and asked for with its secret', async () => {
    const waiting = await start();
    expect(waiting).toMatchObject({ login_id: expect.stringMatching(/^cli-/), expires_in: 600 });
    expect(waiting.user_code).toMatch(/^[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}$/);
    expect((await poll(waiting)).body).toEqual({ status: 'pending' });
    expect((await poll({ ...waiting, poll_secret: 'guess' })).status).toBe(403);
    expect((await poll({ ...waiting, login_id: 'cli-unknown' })).status).toBe(400);
    const old = await poll({ ...waiting, login_id: 'sk-old-way' });
    expect([old.status, JSON.stringify(old.body)]).toEqual([400, expect.stringContaining('upgrade')]);

    const ada = await browserOf(product, 'ada', PASSWORD);
    expect((await typeCode(ada, waiting.login_id, waiting.user_code)).status).toBe(200);
    expect((await poll({ ...waiting, poll_secret: 'guess' })).status).toBe(403);
    const answers = await Promise.all(Array.from({ length: 8 }, () => poll(waiting)));
    const ready = answers.filter(({ status }) => status === 200);
    expect(ready).toHaveLength(1);
    expect(ready[0]?.body).toMatchObject({ status: 'ready', user_id: 'ada', team_id: null, teams: [] });
    expect((await poll(waiting)).status).toBe(400);
  });

  /** Neither secret nor code nor token can be read out of the database. */
  it('leaves nothing that opens anything in the database', async () => {
    const waiting = await start();
    const rows = JSON.stringify(await database.dataSource.query('SELECT * FROM cli_sign_ins'));
    expect(rows).toContain(waiting.login_id);
    expect(rows).not.toContain(waiting.poll_secret);
    expect(rows).not.toContain(waiting.user_code);
    expect(rows).not.toContain(waiting.user_code.replace('-', ''));
  });

  it('is over after five wrong codes, the right one then too', async () => {
    const waiting = await start();
    const ada = await browserOf(product, 'ada', PASSWORD);
    const page = await (await ada.get(`/sso/key/generate?source=litellm-cli&key=${waiting.login_id}`)).text();
    const token = ScriptedBrowser.field(page, 'browser_complete_token');
    const type = (code: string) =>
      ada.submit(`/sso/cli/complete/${waiting.login_id}`, { user_code: code, browser_complete_token: token });
    // At once, so that nobody is judged before he is counted.
    const tries = await Promise.all(Array.from({ length: 20 }, (_, i) => type(`AAAA-AA${10 + i}`)));
    expect(tries.every(({ status }) => status === 400)).toBe(true);
    expect((await type(waiting.user_code)).status).toBe(400);
    expect((await poll(waiting)).status).toBe(400);
  });

  it('cannot be signed in by a page of another site, or by nobody', async () => {
    const waiting = await start();
    const ada = await browserOf(product, 'ada', PASSWORD);
    const page = await (await ada.get(`/sso/key/generate?source=litellm-cli&key=${waiting.login_id}`)).text();
    const fields = {
      user_code: waiting.user_code,
      browser_complete_token: ScriptedBrowser.field(page, 'browser_complete_token'),
    };
    const path = `/sso/cli/complete/${waiting.login_id}`;
    expect((await ada.submit(path, fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await ada.submit(path, { ...fields, browser_complete_token: 'x' })).status).toBe(403);
    expect((await new ScriptedBrowser(product.url).submit(path, fields)).status).toBe(401);
    // The link carries no code, so nobody signs a stranger's command line in with a click.
    const linked = await ada.get(
      `/sso/key/generate?source=litellm-cli&key=${waiting.login_id}&user_code=${waiting.user_code}`,
    );
    expect(await linked.text()).not.toContain(waiting.user_code);
    expect((await poll(waiting)).body).toEqual({ status: 'pending' });
  });

  it('dies with the session that allowed it, and with its time', async () => {
    const ada = await browserOf(product, 'ada', PASSWORD);
    const waiting = await start();
    await typeCode(ada, waiting.login_id, waiting.user_code);
    const info = (await (await ada.call('GET', '/session/info')).json()) as { csrf_token: string };
    await ada.submit('/logout', { csrf_token: info.csrf_token });
    expect((await poll(waiting)).status).toBe(400);
    const late = await start();
    await database.dataSource.query(
      `UPDATE cli_sign_ins SET expires_at = now() - interval '1 second' WHERE id = $1`,
      [late.login_id],
    );
    expect((await poll(late)).status).toBe(400);
  });

  it('speaks for the team its user chose, and for no other', async () => {
    await makeUserWithPassword(product, database, 'eve', PASSWORD);
    for (const id of ['red', 'blue', 'secret'])
      await product.request('POST', '/team/new', {
        team_id: id,
        ...(id === 'secret' ? {} : { members_with_roles: [{ user_id: 'eve', role: 'user' }] }),
      });
    const eve = await browserOf(product, 'eve', PASSWORD);
    const waiting = await start();
    await typeCode(eve, waiting.login_id, waiting.user_code);
    const asked = await poll(waiting);
    expect(asked.body).toMatchObject({ status: 'ready', requires_team_selection: true });
    expect(asked.body['key']).toBeUndefined();
    expect((await poll(waiting, '?team_id=secret')).status).toBe(403);
    const { body } = await poll(waiting, '?team_id=blue');
    expect(body).toMatchObject({ team_id: 'blue', user_id: 'eve' });
    const info = await product.request('GET', '/session/info', undefined, String(body['key']));
    expect(await info.json()).toMatchObject({ user_id: 'eve', team_id: 'blue', csrf_token: null });
    await product.request('POST', '/user/update', { user_id: 'eve', blocked: true });
    expect((await product.request('GET', '/session/info', undefined, String(body['key']))).status).toBe(401);
  });

  it('is started thirty times a minute by one source, not more', async () => {
    const from = { 'x-forwarded-for': '203.0.113.9' };
    const statuses = await Promise.all(
      Array.from(
        { length: 33 },
        async () => (await fetch(`${product.url}/sso/cli/start`, { method: 'POST', headers: from })).status,
      ),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(30);
    expect(statuses.filter((status) => status === 429)).toHaveLength(3);
  });
});
