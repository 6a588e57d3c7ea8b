import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider)],
    general_settings: { log_level: 'debug' },
  }));
});
afterAll(() => gate?.dispose());
afterEach(() => gate.provider.reset());

const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');

describe('a credential that is not good', () => {
  it('is answered with the same members, whatever is wrong with it, and never with what was sent', async () => {
    const deleted = await gate.makeKey();
    await gate.admin('/key/delete', { keys: [deleted] });
    const blocked = await gate.makeKey({ blocked: true });
    const wrong: Record<string, string | null> = {
      missing: null,
      unknown: 'sk-unknown-0123456789abcdef',
      malformed: 'not-a-key-of-ours-at-all',
      short: 'sk-1',
      deleted,
      blocked,
      'a hash': hashOf(await gate.makeKey()),
      'the master key’s hash': hashOf(gate.product.masterKey),
      'nearly the master key': `${gate.product.masterKey}x`,
      'most of the master key': gate.product.masterKey.slice(0, -1),
      'another case of it': gate.product.masterKey.toUpperCase(),
      'a name for it': 'litellm_proxy_master_key',
    };
    for (const path of ['/v1/chat/completions', '/key/generate']) {
      for (const [what, credential] of Object.entries(wrong)) {
        const answer = await gate.ask(
          'POST',
          path,
          { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
          credential,
        );
        expect(answer.status, what).toBe(401);
        expect(Object.keys(answer.body), what).toEqual(['error']);
        expect(Object.keys(answer.body.error).toSorted(), what).toEqual([
          'code',
          'decision_id',
          'message',
          'param',
          'type',
        ]);
        expect(answer.body.error.code).toBe('401');
        if (credential !== null) {
          expect(answer.text, what).not.toContain(credential);
          expect(answer.text, what).not.toContain(hashOf(credential));
        }
        expect(answer.text).not.toMatch(/virtual_keys|SELECT|database/i);
      }
    }
    expect(gate.provider.requests).toHaveLength(0);
  });

  it('deleted and never made read the same', async () => {
    const deleted = `sk-deleted-${'0'.repeat(20)}wxyz`;
    await gate.makeKey({ key: deleted });
    await gate.admin('/key/delete', { keys: [deleted] });
    const never = `sk-never-00-${'0'.repeat(19)}wxyz`;
    const answers = await Promise.all([gate.chat(deleted), gate.chat(never)]);
    const unnamed = answers.map(({ text }) => text.replace(/"decision_id":"dec_\w+"/, ''));
    expect(unnamed[0]).toBe(unnamed[1]);
  });

  it('sent as scheme, user name, cookie or query is none', async () => {
    const key = await gate.makeKey();
    const basic = Buffer.from(`${key}:`).toString('base64');
    for (const headers of [
      { authorization: key },
      { authorization: `BEARER ${key}` },
      { authorization: `Token ${key}` },
      { authorization: `Basic ${basic}` },
      { cookie: `token=${key}` },
      { 'proxy-authorization': `Bearer ${key}` },
    ]) {
      const answer = await gate.ask(
        'POST',
        '/v1/chat/completions',
        { model: 'm' },
        null,
        headers as Record<string, string>,
      );
      expect(answer.status, Object.keys(headers)[0]).toBe(401);
    }
    for (const name of ['key', 'api_key', 'access_token']) {
      expect((await gate.ask('GET', `/v1/models?${name}=${key}`, undefined, null)).status).toBe(401);
    }
  });

  it('is told to the operator in the words that scripts search for, and never in clear', async () => {
    const secret = 'sk-mistyped-by-somebody-0123456789';
    for (let i = 0; i < 12; i += 1) await gate.chat(secret);
    const expired = await gate.makeKey({ duration: '1s' });
    await expect
      .poll(async () => (await gate.chat(expired)).status, { timeout: 3_000, interval: 200 })
      .toBe(401);
    await expect.poll(() => gate.product.logs).toContain('Authentication failed');
    await expect.poll(() => gate.product.logs).toContain('Token Expired');
    await expect.poll(() => gate.product.logs).toContain('suspicious-activity');
    for (const one of [secret, expired, hashOf(secret)]) expect(gate.product.logs).not.toContain(one);
  });
});

describe('the clock', () => {
  it('tells nothing about the master key: a guess with its first half right takes as long as one with none', async () => {
    const { masterKey } = gate.product;
    const near = masterKey.slice(0, -1) + (masterKey.endsWith('a') ? 'b' : 'a');
    const far = `sk-${'z'.repeat(masterKey.length - 3)}`;
    const times: Record<string, number[]> = { near: [], far: [] };
    for (let i = 0; i < 60; i += 1) {
      for (const [name, guess] of [
        ['near', near],
        ['far', far],
      ] as const) {
        const startedAt = performance.now();
        expect((await gate.ask('GET', '/key/list', undefined, guess)).status).toBe(401);
        times[name]?.push(performance.now() - startedAt);
      }
    }
    // What else a machine does only ever makes an answer later: the quicker ones tell most about us.
    const quick = (values: number[] = []): number =>
      values.toSorted((a, b) => a - b)[values.length >> 2] ?? 0;
    // Structural: both go the same way (one hash, one comparison of digests); a machine’s noise is far larger than this.
    expect(Math.abs(quick(times.near) - quick(times.far))).toBeLessThan(2);
  });
});

describe('one key and another’s', () => {
  const without = (answer: Answer): string => answer.text.replaceAll(/sk-[\w.-]+|[0-9a-f]{64}/g, 'K');

  it('cannot read it: byte for byte as if it were not there', async () => {
    const mine = await gate.makeKey({ user_id: 'me' });
    const theirs = await gate.makeKey({ user_id: 'them', key_alias: 'their-secret-project' });
    for (const name of [theirs, hashOf(theirs)]) {
      const hidden = await gate.ask('GET', `/key/info?key=${name}`, undefined, mine);
      const absent = await gate.ask(
        'GET',
        `/key/info?key=${name === theirs ? 'sk-absent-0123456789abcdef' : hashOf('absent')}`,
        undefined,
        mine,
      );
      expect([hidden.status, without(hidden)]).toEqual([absent.status, without(absent)]);
      expect(hidden.status).toBe(404);
    }
    const own = await gate.ask('GET', '/key/info', undefined, mine);
    expect(own.status).toBe(200);
    expect(own.text).not.toContain(mine);
    for (const path of [
      '/key/list',
      '/key/list?user_id=them',
      '/key/list?return_full_object=true',
      '/spend/logs',
      '/spend/logs?user_id=them',
      '/user/info?user_id=them',
      '/v2/key/info',
    ]) {
      const method = path.startsWith('/v2') ? 'POST' : 'GET';
      const answer = await gate.ask(method, path, method === 'POST' ? { keys: [theirs] } : undefined, mine);
      expect(answer.text, path).not.toContain('their-secret-project');
      expect(answer.text, path).not.toContain(hashOf(theirs));
    }
  });

  it('cannot write it, nor make itself more than it is', async () => {
    const mine = await gate.makeKey({ user_id: 'climber', models: ['m'], max_budget: 1 });
    const theirs = await gate.makeKey({ user_id: 'victim' });
    const before = (await gate.admin('/key/list')).total_count as number;
    const attempts: [string, object][] = [
      ['/key/generate', {}],
      ['/key/generate', { user_id: 'default_user_id' }],
      ['/key/generate', { user_role: 'proxy_admin' }],
      ['/key/update', { key: theirs, max_budget: 0 }],
      ['/key/update', { key: mine, max_budget: 1_000_000 }],
      ['/key/update', { key: mine, user_id: 'default_user_id' }],
      ['/key/delete', { keys: [theirs] }],
      ['/key/block', { key: theirs }],
      ['/key/unblock', { key: mine }],
      [`/key/${theirs}/regenerate`, {}],
      [`/key/${hashOf(theirs)}/regenerate`, {}],
      ['/user/new', { user_id: 'new-admin', user_role: 'proxy_admin' }],
      ['/team/new', {}],
      ['/team/block', { team_id: 'any' }],
    ];
    for (const [path, body] of attempts) {
      const answer = await gate.ask('POST', path, body, mine);
      expect([401, 403, 404], `${path} ${JSON.stringify(body)}: ${answer.text}`).toContain(answer.status);
    }
    expect((await gate.admin('/key/list')).total_count).toBe(before);
    expect((await gate.chat(theirs)).status).toBe(200);
    expect((await gate.admin(`/key/info?key=${mine}`)).info).toMatchObject({
      max_budget: 1,
      user_id: 'climber',
    });
  });

  it('of a viewer reads and writes nothing', async () => {
    await gate.admin('/user/new', {
      user_id: 'eyes',
      user_role: 'proxy_admin_viewer',
      auto_create_key: false,
    });
    const viewer = await gate.makeKey({ user_id: 'eyes' });
    expect((await gate.ask('GET', '/key/list', undefined, viewer)).status).toBe(200);
    for (const path of ['/key/generate', '/user/new', '/team/new'])
      expect((await gate.ask('POST', path, {}, viewer)).status, path).toBeGreaterThanOrEqual(401);
  });

  it('goes only where `allowed_routes` lets it, an administrator’s too', async () => {
    const info = await gate.makeKey({ allowed_routes: ['info_routes'] });
    expect((await gate.chat(info)).status).toBe(403);
    expect((await gate.ask('GET', '/key/info', undefined, info)).status).toBe(200);
    const llm = await gate.makeKey({ allowed_routes: ['llm_api_routes'] });
    expect((await gate.chat(llm)).status).toBe(200);
    expect((await gate.ask('GET', '/key/info', undefined, llm)).status).toBe(403);
    const one = await gate.makeKey({ allowed_routes: ['/v1/embeddings'] });
    expect((await gate.chat(one)).status).toBe(403);
    expect((await gate.ask('POST', '/v1/embeddings', { model: 'm', input: 'hi' }, one)).status).toBe(200);
    await gate.admin('/user/new', { user_id: 'boss', user_role: 'proxy_admin', auto_create_key: false });
    const boss = await gate.makeKey({ user_id: 'boss', allowed_routes: ['llm_api_routes'] });
    expect((await gate.ask('POST', '/key/generate', {}, boss)).status).toBe(403);
    expect((await gate.chat(boss)).status).toBe(200);
  });
});

describe('every answer', () => {
  it('carries the security headers and says nothing of what it is made with', async () => {
    const key = await gate.makeKey();
    const asked: [string, string, unknown, string | null][] = [
      ['GET', '/health/readiness', undefined, null],
      ['GET', '/health/liveliness', undefined, null],
      ['GET', '/', undefined, null],
      ['GET', '/nowhere', undefined, null],
      ['GET', '/nowhere', undefined, key],
      ['GET', '/metrics', undefined, null],
      ['GET', '/metrics', undefined, gate.product.masterKey],
      ['GET', '/key/list', undefined, null],
      ['POST', '/key/generate', '{', gate.product.masterKey],
      ['POST', '/v1/chat/completions', '{', key],
      ['POST', '/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'hi' }] }, key],
      [
        'POST',
        '/v1/chat/completions',
        { model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] },
        key,
      ],
      ['POST', '/v1/messages', {}, null],
      ['OPTIONS', '/v1/chat/completions', undefined, null],
      ['DELETE', '/nowhere', '{', null],
    ];
    for (const [method, path, body, credential] of asked) {
      const { headers, status } = await gate.ask(method, path, body, credential);
      const what = `${method} ${path} ${status}`;
      expect(headers.get('x-frame-options'), what).toBe('DENY');
      expect(headers.get('content-security-policy'), what).toBe("frame-ancestors 'none'");
      expect(headers.get('x-content-type-options'), what).toBe('nosniff');
      expect(headers.has('x-powered-by'), what).toBe(false);
      expect(headers.has('www-authenticate'), what).toBe(false);
      // Cross-origin calls are off unless the operator names origins.
      expect(headers.has('access-control-allow-origin'), what).toBe(false);
    }
  });
});
