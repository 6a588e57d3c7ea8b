import { AuditEvent, User } from '#libs/database';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry } from '../harness/governed-product.js';
import { type SamlAnswerFacts, SamlProvider } from '../harness/saml-provider.js';

let provider: SamlProvider;
let gate: GovernedProduct;

beforeAll(async () => {
  provider = await SamlProvider.start();
  gate = await GovernedProduct.start(
    (models) => ({
      model_list: [modelEntry('m', models)],
      litellm_settings: { default_internal_user_params: { user_role: 'internal_user' } },
    }),
    { env: { SAML_IDP_METADATA_URL: provider.entityId, ALLOWED_EMAIL_DOMAINS: 'my-co.test' } },
  );
});
afterAll(async () => {
  await gate?.dispose();
  await provider?.stop();
});

/** Keeps the product's cookies, as a browser does. */
class Browser {
  readonly #cookies = new Map<string, string>();

  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const url = path.startsWith('http') ? path : gate.product.url + path;
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...init.headers, ...(cookie === '' ? {} : { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  /** To the provider and back to the form that it wants posted. */
  async toProvider(
    query = '',
  ): Promise<{ action: string; fields: Record<string, string>; location: string }> {
    const left = await this.ask(`/sso/key/generate${query}`);
    if (left.status !== 303) throw new Error(`the product answered ${left.status}: ${await left.text()}`);
    const location = left.headers.get('location') ?? '';
    const page = await (await fetch(location)).text();
    const fields = Object.fromEntries(
      [...page.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    );
    return { action: /action="([^"]+)"/.exec(page)?.[1] ?? '', fields, location };
  }

  post(action: string, fields: Readonly<Record<string, string>>): Promise<Response> {
    return this.ask(action, {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: { origin: provider.url, 'sec-fetch-site': 'cross-site' },
    });
  }

  async signIn(account: typeof provider.account, query = ''): Promise<Response> {
    provider.account = account;
    const { action, fields } = await this.toProvider(query);
    return this.post(action, fields);
  }

  /** 200 when somebody is signed in here. */
  async looks(): Promise<number> {
    return (await this.ask('/v2/user/info', { headers: { 'sec-fetch-site': 'same-origin' } })).status;
  }
}

describe('signing in with SAML', () => {
  it('leads through the provider to a session, which ends when the person is deactivated', async () => {
    const browser = new Browser();
    expect(await browser.looks()).toBe(401);
    const back = await browser.signIn(
      { email: 'Ann@My-Co.test', nameId: 'ann', attributes: { first_name: 'Ann' } },
      '?return_to=/ui/keys',
    );
    expect([back.status, back.headers.get('location')]).toEqual([303, '/ui/keys']);
    expect(back.headers.getSetCookie().join()).toMatch(/tollgate_session=.*HttpOnly/);
    expect(await browser.looks()).toBe(200);
    const user = await gate.database.dataSource.getRepository(User).findOneByOrFail({ id: 'ann' });
    expect(user).toMatchObject({ email: 'ann@my-co.test', role: 'internal_user', ssoUserId: 'ann' });
    const gone = await gate.ask('PATCH', '/scim/v2/Users/ann', {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
      Operations: [{ op: 'replace', path: 'active', value: false }],
    });
    expect(gone.status).toBe(200);
    expect(await browser.looks()).toBe(401);
    expect((await browser.signIn({ email: 'ann@my-co.test', nameId: 'ann' })).status).toBe(401);
    expect(await browser.looks()).toBe(401);
  });

  it('finds whom the identity provider has provisioned', async () => {
    const made = await gate.ask('POST', '/scim/v2/Users', { userName: 'bob@my-co.test', externalId: 'e-7' });
    expect(made.status).toBe(201);
    expect((await new Browser().signIn({ email: 'bob@my-co.test', nameId: 'subject-of-bob' })).status).toBe(
      303,
    );
    const users = await gate.database.dataSource.getRepository(User).findBy({ email: 'bob@my-co.test' });
    expect(users.map(({ id, ssoUserId }) => [id, ssoUserId])).toEqual([['bob@my-co.test', 'subject-of-bob']]);
  });

  it('is described to the provider', async () => {
    const response = await fetch(`${gate.product.url}/sso/saml/metadata`);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('application/samlmetadata+xml'),
    ]);
    expect(await response.text()).toContain(`${gate.product.url}/sso/saml/callback`);
  });

  /** Attack: a link of ours that ends at a stranger's page. */
  it('leads back to pages of ours only', async () => {
    for (const target of ['https://evil.test/', '//evil.test', '/\\evil.test'])
      expect(
        (await new Browser().ask(`/sso/saml/login?return_to=${encodeURIComponent(target)}`)).status,
      ).toBe(400);
  });
});

describe('nobody is signed in by', () => {
  const signedIn = async (browser: Browser, response: Response): Promise<[number, number, boolean]> => [
    response.status,
    await browser.looks(),
    response.headers.getSetCookie().some((line) => /session=\w/.test(line)),
  ];
  const answered = async (location: string, facts: Partial<SamlAnswerFacts>): Promise<string> => {
    const { id, callback, issuer } = SamlProvider.requestIn(location);
    const xml = await provider.answer({
      requestId: id,
      recipient: callback,
      audience: issuer,
      email: 'cid@my-co.test',
      nameId: 'cid',
      ...facts,
    });
    return Buffer.from(xml).toString('base64');
  };

  it('an answer that was used before', async () => {
    const [first, thief] = [new Browser(), new Browser()];
    provider.account = { email: 'cid@my-co.test', nameId: 'cid' };
    const { action, fields } = await first.toProvider();
    expect((await first.post(action, fields)).status).toBe(303);
    expect(await signedIn(thief, await thief.post(action, fields))).toEqual([400, 401, false]);
    expect((await first.post(action, fields)).status).toBe(400);
  });

  it('an answer that was changed, is another audience’s, a stranger’s, over, or to another request', async () => {
    const tampered = (answer: string): string =>
      Buffer.from(
        Buffer.from(answer, 'base64').toString('utf8').replaceAll('cid@my-co.test', 'boss@my-co.test'),
      ).toString('base64');
    for (const facts of [
      { audience: 'https://other.test' },
      { stranger: true },
      { lifetimeInSeconds: -120 },
      { requestId: '_x' },
      'tampered',
    ] as const) {
      const browser = new Browser();
      const { action, fields, location } = await browser.toProvider();
      const answer =
        facts === 'tampered' ? tampered(await answered(location, {})) : await answered(location, facts);
      expect([
        facts,
        ...(await signedIn(browser, await browser.post(action, { ...fields, SAMLResponse: answer }))),
      ]).toEqual([facts, 401, 401, false]);
    }
  });

  it('an answer that another browser was sent away for', async () => {
    const [attacker, victim] = [new Browser(), new Browser()];
    provider.account = { email: 'mallory@my-co.test', nameId: 'mallory' };
    const { action, fields } = await attacker.toProvider();
    await victim.toProvider();
    expect(await signedIn(victim, await victim.post(action, fields))).toEqual([400, 401, false]);
  });

  it('an answer that nobody asked for', async () => {
    const browser = new Browser();
    const { location } = await new Browser().toProvider();
    const answer = await answered(location, { requestId: undefined });
    const response = await browser.post('/sso/saml/callback', { SAMLResponse: answer, RelayState: 'x' });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await browser.looks()).toBe(401);
  });

  it('an address of another domain, or none; that somebody tried is in the audit trail', async () => {
    for (const email of ['eve@my-co.test.evil.test', 'eve@evil-my-co.test', null]) {
      const browser = new Browser();
      expect([email, ...(await signedIn(browser, await browser.signIn({ email, nameId: 'eve' })))]).toEqual([
        email,
        401,
        401,
        false,
      ]);
    }
    expect(await gate.database.dataSource.getRepository(User).countBy({ id: 'eve' })).toBe(0);
    const events = gate.database.dataSource.getRepository(AuditEvent);
    await expect
      .poll(() => events.countBy({ action: 'refused', nounId: 'POST /sso/saml/callback' }), {
        timeout: 5_000,
      })
      .toBeGreaterThan(3);
  });

  it('a post that is too large, no form, or says two things', async () => {
    const browser = new Browser();
    const { action, fields } = await browser.toProvider();
    const large = await browser.post(action, { ...fields, SAMLResponse: 'A'.repeat(5 * 1024 * 1024 + 1) });
    expect(large.status).toBe(413);
    const twice = await browser.ask(action, {
      method: 'POST',
      body: new URLSearchParams([
        ['SAMLResponse', 'x'],
        ['SAMLResponse', 'y'],
      ]),
    });
    expect(twice.status).toBe(400);
    expect(
      (await browser.ask(action, { method: 'POST', body: '<x/>', headers: { 'content-type': 'text/xml' } }))
        .status,
    ).toBe(422);
    expect(await gate.isReady()).toBe(true);
  });
});
