import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserOf, makeUserWithPassword, ScriptedBrowser } from '../harness/browser.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const MODEL = { model_name: 'demo', litellm_params: { model: 'openai/x', mock_response: 'hi' } };
const PASSWORD = 'Correct horse 7';
const ROOT_PASSWORD = 'the password of the environment';
const COOKIE = 'tollgate_session';

let database: TestDatabase;
let product: Product;
/** Serves the control plane only: another replica. */
let second: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  const options = {
    databaseUrl: database.url.reveal(),
    env: { UI_USERNAME: 'root', UI_PASSWORD: ROOT_PASSWORD },
    config: {
      model_list: [MODEL],
      general_settings: {
        max_failed_login_attempts_per_source: 1_000,
        control_plane_url: 'https://control.example.com',
      },
    },
  };
  product = await Product.start(options);
  second = await Product.start({ ...options, args: ['--role', 'admin'] });
});

afterAll(async () => {
  await second?.dispose();
  await product?.dispose();
  await database?.drop();
});

const browser = (origin = product.url): ScriptedBrowser => new ScriptedBrowser(origin);

const makeUser = (id: string) => makeUserWithPassword(product, database, id, PASSWORD);
const signedIn = (id: string) => browserOf(product, id, PASSWORD);

const tokenOf = async (one: ScriptedBrowser): Promise<string> =>
  ((await (await one.call('GET', '/session/info')).json()) as { csrf_token: string }).csrf_token;
const infoStatus = async (one: ScriptedBrowser): Promise<number> =>
  (await one.call('GET', '/session/info')).status;
const isIn = async (one: ScriptedBrowser): Promise<boolean> => (await infoStatus(one)) === 200;

describe('signing in with a password', () => {
  it('sets a cookie that scripts and other sites cannot use, and leads to the page', async () => {
    await makeUser('ada');
    const one = browser();
    const answer = await one.submit('/login', { username: 'ADA@example.com', password: PASSWORD });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/ui/');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(one.setCookies).toEqual([
      expect.stringMatching(/^tollgate_session=[\w-]{43}; Path=\/; Max-Age=86400; HttpOnly; SameSite=Lax$/),
    ]);
    const page = await (await one.get('/ui/')).text();
    expect(page).toContain('ada@example.com');
    expect(page).toContain('internal_user');
  });

  it('keeps nothing that opens anything: neither the session nor the password', async () => {
    const one = await signedIn('ada');
    const token = one.cookies.get(COOKIE) ?? '';
    const rows = JSON.stringify([
      await database.dataSource.query('SELECT * FROM sessions'),
      await database.dataSource.query('SELECT * FROM audit_values'),
      await database.dataSource.query('SELECT record FROM audit_events'),
      await database.dataSource.query('SELECT * FROM users'),
    ]);
    expect(rows).not.toContain(token);
    expect(rows).not.toContain(PASSWORD);
    expect(rows).toContain(createHash('sha256').update(token).digest('hex'));
    expect(product.logs).not.toContain(token);
    expect(product.logs).not.toContain(PASSWORD);
    const [{ hash }] = await database.dataSource.query(
      `SELECT password_hash AS hash FROM users WHERE id = 'ada'`,
    );
    expect(hash).toMatch(/^\$argon2id\$/);
    const exported = await (await product.request('GET', '/user/info?user_id=ada')).text();
    expect(exported).not.toContain('argon2');
  });

  it('writes an audit row of it', async () => {
    await signedIn('ada');
    const [{ count }] = await database.dataSource.query(
      `SELECT count(*) FROM audit_events WHERE action = 'signed_in' AND noun = 'session' AND actor_user_id = 'ada'`,
    );
    expect(Number(count)).toBeGreaterThan(0);
  });

  /** Different answers would list the accounts. */
  it('answers alike for a wrong password, an unknown name and an account without a password', async () => {
    await product.request('POST', '/user/new', { user_id: 'bare', user_email: 'bare@example.com' });
    const answers = new Set<string>();
    for (const [username, password] of [
      ['ada@example.com', 'wrong'],
      ['nobody@example.com', 'wrong'],
      ['bare@example.com', ''],
      ['bare@example.com', 'wrong'],
    ]) {
      const answer = await browser().call('POST', '/v2/login', { username, password: password || 'x' });
      const { error } = (await answer.json()) as { error: { message: string; param: string } };
      answers.add(`${answer.status} ${error.param} ${error.message}`);
    }
    expect([...answers]).toEqual([expect.stringMatching(/^401 invalid_credentials /)]);
  });

  it('never takes the master key for a password, nor a cookie for the master key', async () => {
    for (const username of ['root', 'admin', 'default_user_id'])
      expect(
        (await browser().call('POST', '/v2/login', { username, password: product.masterKey })).status,
      ).toBe(401);
    const one = browser();
    one.cookies.set(COOKIE, product.masterKey);
    expect(await isIn(one)).toBe(false);
    expect((await one.call('GET', '/key/list')).status).toBe(401);
  });

  it('makes the administrator of the environment one', async () => {
    const one = browser();
    const answer = await one.call('POST', '/v2/login', { username: 'root', password: ROOT_PASSWORD });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ token: null, redirect_url: `${product.url}/ui/` });
    expect((await one.call('GET', '/key/list')).status).toBe(200);
    expect(await (await one.get('/ui/')).text()).toContain('proxy_admin');
  });

  it('takes the hashes of LiteLLM once, and keeps better ones', async () => {
    await makeUser('legacy');
    const hash = createHash('sha256').update('old password').digest('hex');
    await database.dataSource.query(`UPDATE users SET password_hash = $1 WHERE id = 'legacy'`, [hash]);
    const login = () =>
      browser().call('POST', '/v2/login', { username: 'legacy@example.com', password: 'old password' });
    expect((await login()).status).toBe(200);
    const [{ kept }] = await database.dataSource.query(
      `SELECT password_hash AS kept FROM users WHERE id = 'legacy'`,
    );
    expect(kept).toMatch(/^\$argon2id\$/);
    expect((await login()).status).toBe(200);
  });

  it('is a form where JSON would be, and JSON where a form would be', async () => {
    const one = browser();
    const json = await one.call('POST', '/login', { username: 'ada@example.com', password: PASSWORD });
    expect(json.status).toBe(422);
    const form = await one.submit('/v2/login', { username: 'ada@example.com', password: PASSWORD });
    expect(form.status).toBe(422);
    expect(one.cookies.size).toBe(0);
  });
});

describe('a session', () => {
  it('of an account with spend and keys shows them, escaped', async () => {
    await makeUser('mallory');
    await product.makeKey({ user_id: 'mallory', key_alias: `<script>alert("x")</script>` });
    const one = await signedIn('mallory');
    const answer = await one.get('/ui/');
    const page = await answer.text();
    expect(page).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;');
    expect(page).not.toContain('<script');
    expect(answer.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/]+=*'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    );
  });

  it('calls models as its user, when the page says so', async () => {
    const one = await signedIn('ada');
    const chat = { model: 'demo', messages: [{ role: 'user', content: 'x' }] };
    const csrf = await tokenOf(one);
    expect((await one.call('POST', '/v1/chat/completions', chat, { 'x-csrf-token': csrf })).status).toBe(200);
    expect((await one.call('POST', '/v1/chat/completions', chat)).status).toBe(403);
  });

  it('is judged as its user: no more', async () => {
    const one = await signedIn('ada');
    const csrf = await tokenOf(one);
    const answer = await one.call('POST', '/user/new', { user_id: 'x' }, { 'x-csrf-token': csrf });
    expect([401, 403]).toContain(answer.status);
    expect((await one.call('GET', '/user/info?user_id=mallory')).status).not.toBe(200);
  });

  it('is nothing when a key is sent too: the key is', async () => {
    const one = await signedIn('ada');
    const answer = await one.call('GET', '/key/list', undefined, {
      authorization: 'Bearer sk-nothing-of-ours',
    });
    expect(answer.status).toBe(401);
  });

  /** A session id that a stranger put into the browser must not become somebody's session. */
  it('is a new one for everybody who signs in, and the one before is over', async () => {
    const stranger = await signedIn('mallory');
    const planted = stranger.cookies.get(COOKIE) ?? '';
    const victim = browser();
    victim.cookies.set(COOKIE, planted);
    await victim.submit('/login', { username: 'ada@example.com', password: PASSWORD });
    expect(victim.cookies.get(COOKIE)).not.toBe(planted);
    expect(await isIn(victim)).toBe(true);
    expect(await isIn(stranger)).toBe(false);
    const invented = browser();
    invented.cookies.set(COOKIE, 'a'.repeat(43));
    await invented.submit('/login', { username: 'ada@example.com', password: PASSWORD });
    expect(invented.cookies.get(COOKIE)).not.toBe('a'.repeat(43));
  });
});

describe('a page of another site', () => {
  it.each([
    [{ origin: 'https://evil.example' }],
    [{ origin: 'null' }],
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ])('cannot sign somebody in: %j', async (headers) => {
    const one = browser();
    const form = await one.submit('/login', { username: 'ada@example.com', password: PASSWORD }, headers);
    const json = await one.call(
      'POST',
      '/v2/login',
      { username: 'ada@example.com', password: PASSWORD },
      headers,
    );
    expect([form.status, json.status]).toEqual([403, 403]);
    expect(one.cookies.size).toBe(0);
  });

  it('cannot use a session, with or without JSON in disguise', async () => {
    const one = await signedIn('ada');
    const csrf = await tokenOf(one);
    const foreign = { origin: 'https://evil.example', 'x-csrf-token': csrf };
    expect((await one.call('POST', '/session/logout', {}, foreign)).status).toBe(403);
    expect((await one.call('POST', '/session/logout', {})).status).toBe(403);
    expect((await one.call('POST', '/session/logout', {}, { 'x-csrf-token': 'x'.repeat(43) })).status).toBe(
      403,
    );
    expect((await one.call('GET', '/key/list', undefined, { 'sec-fetch-site': 'cross-site' })).status).toBe(
      403,
    );
    const disguised = await one.call(
      'POST',
      '/key/generate',
      { key_alias: 'forged' },
      {
        'content-type': 'text/plain',
        'x-csrf-token': csrf,
      },
    );
    expect(disguised.status).toBe(422);
    expect((await one.submit('/logout', { csrf_token: 'wrong' })).status).toBe(403);
    expect(
      (await one.submit('/logout', { csrf_token: csrf }, { origin: 'https://evil.example' })).status,
    ).toBe(403);
    expect((await one.get('/logout')).status).toBe(200);
    expect(await isIn(one)).toBe(true);
  });

  it.each([
    '//evil.example',
    'https://evil.example',
    '/\\evil.example',
    '/%0d%0aset-cookie:a=b//x',
    'javascript:alert(1)',
    'https://control.example.com.evil.example/',
  ])('is nowhere people are sent: %s', async (wanted) => {
    const one = browser();
    const query = `?return_to=${encodeURIComponent(wanted)}`;
    expect((await one.get(`/sso/key/generate${query}`)).status).toBe(400);
    expect((await one.get(`/fallback/login${query}`)).status).toBe(400);
    const login = await one.submit('/login', {
      username: 'ada@example.com',
      password: PASSWORD,
      return_to: wanted,
    });
    expect(login.status).toBe(400);
    expect(one.cookies.size).toBe(0);
  });

  it('is, when the operator named it', async () => {
    const one = browser();
    const fields = {
      username: 'ada@example.com',
      password: PASSWORD,
      return_to: 'https://control.example.com/x',
    };
    expect((await one.submit('/login', fields)).headers.get('location')).toBe(
      'https://control.example.com/x',
    );
  });
});

describe('the end of a session', () => {
  /** Each ends it at once, on a replica that has it in its memory. */
  const ends: [string, (one: ScriptedBrowser, id: string) => Promise<Response>][] = [
    ['signing out with the form', async (one) => one.submit('/logout', { csrf_token: await tokenOf(one) })],
    [
      'signing out by API',
      async (one) => one.call('POST', '/session/logout', {}, { 'x-csrf-token': await tokenOf(one) }),
    ],
    [
      'another role',
      (_, id) => product.request('POST', '/user/update', { user_id: id, user_role: 'internal_user_viewer' }),
    ],
    ['a block', (_, id) => product.request('POST', '/user/update', { user_id: id, blocked: true })],
    [
      'another password',
      (_, id) => product.request('POST', '/user/update', { user_id: id, password: `${PASSWORD} 2` }),
    ],
    ['the end of the account', (_, id) => product.request('POST', '/user/delete', { user_ids: [id] })],
  ];

  it.each(ends)('is %s, on every replica', async (name, end) => {
    const id = `user-${name.replaceAll(' ', '-')}`;
    await makeUser(id);
    const one = await signedIn(id);
    const there = browser(second.url);
    for (const [cookie, value] of one.cookies) there.cookies.set(cookie, value);
    expect([await isIn(one), await isIn(there)]).toEqual([true, true]);
    const token = new Map(one.cookies);
    const ended = await end(one, id);
    // Who is busy may answer 503, and then nothing has ended; who did not acknowledge may serve on as its receipt says (decision 037).
    expect(ended.status, await ended.text()).toBe(200);
    const receipt = ended.headers.get('x-tollgate-revocation');
    if (receipt !== null) expect(receipt).toMatch(/^replicas=2; acknowledged=2; fenced=0; /);
    for (const [cookie, value] of token) one.cookies.set(cookie, value);
    // Not 503: who cannot tell is no proof that the session ended.
    expect([await infoStatus(one), await infoStatus(there)]).toEqual([401, 401]);
    expect((await there.get('/ui/')).status).toBe(303);
  });

  /** Each question of replica two may be reading the row, or about to remember it, in the moment it is told to forget. */
  it('is one for requests that stream in meanwhile: none that begins after the answer is let in', async () => {
    await makeUser('hurried');
    for (let round = 0; round < 8; round += 1) {
      const one = await signedIn('hurried');
      const there = browser(second.url);
      for (const [cookie, value] of one.cookies) there.cookies.set(cookie, value);
      const csrf = await tokenOf(one);
      let isEnded = false;
      const lane = async (): Promise<void> => {
        while (!isEnded) await infoStatus(there);
      };
      const lanes = Array.from({ length: 6 }, lane);
      const ended = await one.call('POST', '/session/logout', {}, { 'x-csrf-token': csrf });
      const after = await infoStatus(there);
      isEnded = true;
      await Promise.all(lanes);
      expect([ended.status, after, await infoStatus(there)]).toEqual([200, 401, 401]);
    }
  });

  it('does not come back with an account that is let in again', async () => {
    await makeUser('back');
    const one = await signedIn('back');
    await product.request('POST', '/user/update', { user_id: 'back', blocked: true });
    expect(
      (await browser().call('POST', '/v2/login', { username: 'back@example.com', password: PASSWORD }))
        .status,
    ).toBe(401);
    await product.request('POST', '/user/update', { user_id: 'back', blocked: false });
    expect(await isIn(one)).toBe(false);
  });

  it('comes with its time, and with disuse', async () => {
    await makeUser('late');
    for (const column of ['expires_at', 'idle_ends_at']) {
      const one = await signedIn('late');
      await database.dataSource.query(
        `UPDATE sessions SET ${column} = now() - interval '1 second' WHERE user_id = 'late'`,
      );
      expect(await isIn(one)).toBe(false);
    }
  });
});

describe('what a console asks', () => {
  it('is answered', async () => {
    const config = await fetch(`${product.url}/.well-known/litellm-ui-config`);
    expect(await config.json()).toMatchObject({ server_root_path: '/', sso_configured: false, workers: [] });
    const settings = await product.request('GET', '/sso/get/ui_settings');
    expect(await settings.json()).toMatchObject({ SSO_ENABLED: false });
    expect((await product.request('GET', '/sso/get/ui_settings', undefined, null)).status).toBe(401);
  });
});
