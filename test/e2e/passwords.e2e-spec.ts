import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserOf, makeUserWithPassword, ScriptedBrowser } from '../harness/browser.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const PASSWORD = 'Correct horse 7';

let database: TestDatabase;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    env: { SERVER_ROOT_PATH: '/gw', UI_USERNAME: 'root', UI_PASSWORD: 'the password of the environment' },
    config: { general_settings: { trusted_proxy_ranges: ['127.0.0.1'], failed_login_block_seconds: 2 } },
  });
});

afterAll(async () => {
  await product?.dispose();
  await database?.drop();
});

let address = 0;
/** Somebody at an address of his own, behind a proxy that says so. */
const from = (ip = `203.0.113.${(address += 1)}`) => ({ 'x-forwarded-for': ip });
const TLS = { 'x-forwarded-proto': 'https' };
const browser = (): ScriptedBrowser => new ScriptedBrowser(product.url);
const makeUser = (id: string) => makeUserWithPassword(product, database, id, PASSWORD);
const signedIn = (id: string) => browserOf(product, id, PASSWORD);
const tokenOf = async (one: ScriptedBrowser): Promise<string> =>
  ((await (await one.call('GET', '/session/info')).json()) as { csrf_token: string }).csrf_token;
const isIn = async (one: ScriptedBrowser): Promise<boolean> =>
  (await one.call('GET', '/session/info')).status === 200;

async function attempt(
  username: string,
  password: string,
  headers: Record<string, string>,
): Promise<Response> {
  return browser().call('POST', '/v2/login', { username, password }, headers);
}

describe('a lock-out', () => {
  it('refuses a source that fails too often for one name, the right password too, and lets go again', async () => {
    await makeUser('locked');
    const here = from();
    const statuses: number[] = [];
    for (let i = 0; i < 7; i += 1) statuses.push((await attempt('locked@example.com', 'wrong', here)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 429]);
    const right = await attempt('LOCKED@example.com', PASSWORD, here);
    expect(right.status).toBe(429);
    expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0);
    const form = await browser().submit(
      '/login',
      { username: 'locked@example.com', password: PASSWORD },
      here,
    );
    expect(form.status).toBe(429);
    expect(form.headers.get('content-type')).toMatch(/^text\/html/);
    // Others are not locked out by a stranger who types their name.
    expect((await attempt('locked@example.com', PASSWORD, from())).status).toBe(200);
    await expect
      .poll(async () => (await attempt('locked@example.com', PASSWORD, here)).status, { timeout: 6_000 })
      .toBe(200);
  });

  it('refuses a source that tries many names, names that are not there included', async () => {
    const here = from();
    const statuses: number[] = [];
    for (let i = 0; i < 12; i += 1) statuses.push((await attempt(`name-${i}@example.com`, 'x', here)).status);
    expect(statuses).toEqual([...Array<number>(11).fill(401), 429]);
  });

  /** Many at once must not be asked before the first is counted. */
  it('counts attempts that come at the same moment', async () => {
    await makeUser('racer');
    const here = from();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => attempt('racer@example.com', `guess ${i}`, here)),
    );
    expect(answers.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(6);
    expect(answers.every(({ status }) => status === 401 || status === 429)).toBe(true);
  });

  it('takes a whole IPv6 network for one source', async () => {
    const statuses: number[] = [];
    for (let i = 1; i <= 7; i += 1)
      statuses.push((await attempt('v6@example.com', 'x', from(`2001:db8:1:2::${i}`))).status);
    expect(statuses.at(-1)).toBe(429);
    expect((await attempt('v6@example.com', 'x', from('2001:db8:1:3::1'))).status).toBe(401);
  });

  it('does not count who signs in', async () => {
    await makeUser('regular');
    const here = from();
    for (let i = 0; i < 15; i += 1)
      expect((await attempt('regular@example.com', PASSWORD, here)).status).toBe(200);
  });
});

describe('behind a proxy that ends TLS, under a path', () => {
  it('the cookie is bound to this host and TLS, and every address begins with the path', async () => {
    await makeUser('proxied');
    const one = browser();
    const answer = await one.submit(
      '/gw/login',
      { username: 'proxied@example.com', password: PASSWORD },
      { ...TLS, origin: product.url.replace('http:', 'https:') },
    );
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/gw/ui/');
    expect(one.setCookies[0]).toMatch(
      /^__Host-tollgate_session=[\w-]{43}; Path=\/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax$/,
    );
    const page = await (await one.get('/gw/ui/', TLS)).text();
    expect(page).toContain('action="/gw/logout"');
    // Without TLS the browser would not send it, and it is not read.
    expect((await one.get('/gw/ui/')).status).toBe(303);
    const form = await (await one.get('/gw/fallback/login')).text();
    expect(form).toContain('action="/gw/login"');
  });
});

describe('a new password', () => {
  it('is chosen by whoever knows the old one; every other session ends', async () => {
    await makeUser('grace');
    const other = await signedIn('grace');
    const one = await signedIn('grace');
    const csrf = { 'x-csrf-token': await tokenOf(one) };
    const change = (current: string, wanted: string) =>
      one.call('POST', '/user/password/change', { current_password: current, new_password: wanted }, csrf);
    expect((await change('wrong', 'Another horse 8!')).status).toBe(400);
    expect((await change(PASSWORD, PASSWORD)).status).toBe(400);
    const weak = await change(PASSWORD, 'weak');
    expect(weak.status).toBe(400);
    expect(await weak.text()).toMatch(/at least 12 characters/);
    expect((await change(PASSWORD, 'Another horse 8!')).status).toBe(200);
    expect([await isIn(one), await isIn(other)]).toEqual([true, false]);
    const key = await product.makeKey({ user_id: 'grace' });
    const byKey = await product.request(
      'POST',
      '/user/password/change',
      { current_password: 'Another horse 8!', new_password: 'A third horse 9!' },
      key,
    );
    expect(byKey.status).toBe(403);
    // Attack: a key that leaked, and expires tomorrow, becomes the account itself by way of the user's own settings.
    const byUpdate = await product.request(
      'POST',
      '/user/update',
      { user_id: 'grace', password: 'A third horse 9!' },
      key,
    );
    expect([byUpdate.status, await byUpdate.json()]).toMatchObject([403, { error: { param: 'password' } }]);
  });

  it('is due when somebody else has set it, and nothing else works until then', async () => {
    await makeUser('heidi');
    await product.request('POST', '/user/update', { user_id: 'heidi', password: 'Given by an admin 1' });
    const one = browser();
    await one.submit('/login', { username: 'heidi@example.com', password: 'Given by an admin 1' });
    expect((await one.call('GET', '/key/list')).status).toBe(403);
    expect((await one.get('/ui/')).headers.get('location')).toBe('/gw/ui/password');
    const page = await (await one.get('/ui/password')).text();
    const sent = await one.submit('/ui/password', {
      csrf_token: ScriptedBrowser.field(page, 'csrf_token'),
      current_password: 'Given by an admin 1',
      new_password: PASSWORD,
    });
    expect(sent.status).toBe(303);
    expect((await one.call('GET', '/key/list')).status).toBe(200);
  });
});

describe('an invitation', () => {
  async function invited(id: string): Promise<string> {
    await product.request('POST', '/user/new', { user_id: id, user_email: `${id}@example.com` });
    return (
      (await (await product.request('POST', '/invitation/new', { user_id: id })).json()) as { id: string }
    ).id;
  }

  it('lets somebody choose a password in a browser, once', async () => {
    const link = await invited('ivan');
    const one = browser();
    const page = await (await one.get(`/ui/?invitation_id=${link}`)).text();
    const fields = {
      invitation_link: ScriptedBrowser.field(page, 'invitation_link'),
      user_id: ScriptedBrowser.field(page, 'user_id'),
      token: ScriptedBrowser.field(page, 'token'),
    };
    const weak = await one.submit('/onboarding/claim', { ...fields, password: 'weak' });
    expect(weak.status).toBe(400);
    expect(await weak.text()).toMatch(/at least 12 characters/);
    expect((await one.submit('/onboarding/claim', { ...fields, password: PASSWORD })).status).toBe(303);
    expect(await isIn(one)).toBe(true);
    expect(
      (await browser().submit('/onboarding/claim', { ...fields, password: 'Another horse 8!' })).status,
    ).toBe(401);
    expect((await browser().get(`/ui/?invitation_id=${link}`)).status).toBe(401);
  });

  it('works by API as LiteLLM’s does, for its own user and with its own token only', async () => {
    const link = await invited('judy');
    const opened = await product.request('GET', `/onboarding/get_token?invite_link=${link}`, undefined, null);
    const { token, user_email: email } = (await opened.json()) as { token: string; user_email: string };
    expect(email).toBe('judy@example.com');
    const claim = (fields: object, bearer: string | null) =>
      product.request(
        'POST',
        '/onboarding/claim_token',
        { invitation_link: link, user_id: 'judy', password: PASSWORD, ...fields },
        bearer,
      );
    expect((await claim({}, null)).status).toBe(401);
    expect((await claim({}, `${token}x`)).status).toBe(401);
    expect((await claim({ user_id: 'ada' }, token)).status).toBe(401);
    expect((await claim({}, token)).status).toBe(200);
    expect((await claim({}, token)).status).toBe(401);
    await signedIn('judy');
  });

  it('is refused alike when it is unknown and when it is too old', async () => {
    const link = await invited('old');
    await database.dataSource.query(
      `UPDATE invitations SET expires_at = now() - interval '1 second' WHERE id = $1`,
      [link],
    );
    for (const one of [link, 'invitation_unknown']) {
      const answer = await product.request(
        'GET',
        `/onboarding/get_token?invite_link=${one}`,
        undefined,
        null,
      );
      expect(answer.status).toBe(401);
      expect(await answer.text()).toContain('unknown, used or too old');
    }
  });
});
