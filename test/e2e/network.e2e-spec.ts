import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

describe('an operator who lists networks and origins', () => {
  let fenced: GovernedProduct;
  beforeAll(async () => {
    fenced = await GovernedProduct.start((provider) => ({
      model_list: [modelEntry('m', provider)],
      general_settings: {
        allowed_ips: ['10.1.0.0/16', '192.0.2.7'],
        trusted_proxy_ranges: ['127.0.0.1/32', '10.9.0.0/16'],
        use_x_forwarded_for: true,
        cors_origin: ['https://app.example'],
      },
    }));
  });
  afterAll(() => fenced?.dispose());

  const from = (forwarded: string | undefined): Promise<Answer> =>
    fenced.ask(
      'GET',
      '/key/list',
      undefined,
      fenced.product.masterKey,
      forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    );

  it.each([
    ['10.1.2.3', 200],
    ['192.0.2.7', 200],
    ['6.6.6.6, 10.1.2.3', 200],
    ['10.1.2.3, 10.9.9.9', 200],
    // What a stranger wrote himself stands to the left of what the trusted proxy saw.
    ['10.1.2.3, 6.6.6.6', 403],
    ['192.0.2.7, 203.0.113.9', 403],
    ['6.6.6.6', 403],
    ['', 403],
    ['10.1.2.3, nonsense', 403],
    ['10.1.999.3', 403],
    ['::ffff:6.6.6.6', 403],
    [undefined, 403],
  ])('from %s answers %i, the master key’s too', async (forwarded, status) => {
    const answer = await from(forwarded);
    expect(answer.status, answer.text).toBe(status);
    const call = await fenced.chat(
      fenced.product.masterKey,
      {},
      forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    );
    expect(call.status).toBe(status);
  });

  /** What is explained has to be what happens: a support line that says "allowed" to a caller at the wrong place helps nobody. */
  it.each([
    ['10.1.2.3', true],
    ['192.0.2.7', true],
    ['6.6.6.6', false],
    // A trusted proxy vouches for others; by itself it is nobody on the list.
    ['10.9.0.1', false],
    ['::ffff:10.1.2.3', true],
  ])('is explained beforehand: a call from %s is allowed: %s', async (ip, allowed) => {
    const master = fenced.product.masterKey;
    const inside = { 'x-forwarded-for': '10.1.2.3' };
    const explain = (body: object, bearer = master): Promise<Answer> =>
      fenced.ask('POST', '/explain', body, bearer, inside);
    for (const route of ['POST /v1/chat/completions', 'GET /key/list']) {
      const { body } = await explain({ model: 'm', route, ip });
      const [network] = body['checks'] as { check: string; verdict: string }[];
      expect(network).toMatchObject({ check: 'network', verdict: allowed ? 'passed' : 'refused' });
      expect([body['allowed'], body['reason']]).toEqual([allowed, allowed ? null : 'rbac.network_denied']);
    }
    // Probes are served from anywhere, and nobody but administrators can read the list out.
    expect((await explain({ route: 'GET /health/liveness', ip })).body['allowed']).toBe(true);
    const { body: made } = await fenced.ask('POST', '/key/generate', {}, master, inside);
    expect((await explain({ model: 'm', ip }, String(made['key']))).status).toBe(404);
    expect((await explain({ model: 'm', ip: '10.1.0.0/16' })).status).toBe(400);
  });

  it('still answers probes from anywhere', async () => {
    expect((await fenced.ask('GET', '/health/readiness', undefined, null)).status).toBe(200);
  });

  it('opens its pages to those origins alone', async () => {
    const ask = (method: string, path: string, origin: string): Promise<Answer> =>
      fenced.ask(method, path, undefined, fenced.product.masterKey, {
        origin,
        'x-forwarded-for': '10.1.2.3',
        ...(method === 'OPTIONS'
          ? { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }
          : {}),
      });
    for (const path of ['/key/list', '/v1/models', '/nowhere']) {
      expect(
        (await ask('GET', path, 'https://app.example')).headers.get('access-control-allow-origin'),
        path,
      ).toBe('https://app.example');
      for (const stranger of [
        'https://evil.example',
        'null',
        'https://app.example.evil.example',
        'http://app.example',
      ]) {
        expect(
          (await ask('GET', path, stranger)).headers.has('access-control-allow-origin'),
          `${path} ${stranger}`,
        ).toBe(false);
      }
    }
    expect((await ask('OPTIONS', '/v1/chat/completions', 'https://app.example')).status).toBe(204);
    expect(
      (await ask('OPTIONS', '/v1/chat/completions', 'https://evil.example')).headers.has(
        'access-control-allow-origin',
      ),
    ).toBe(false);
  });
});

describe('an address that nobody vouches for', () => {
  it('is the socket’s: a forged X-Forwarded-For opens nothing without a trusted proxy', async () => {
    const open = await GovernedProduct.start((provider) => ({
      model_list: [modelEntry('m', provider)],
      general_settings: { allowed_ips: ['10.1.0.0/16'] },
    }));
    try {
      const forged = {
        'x-forwarded-for': '10.1.2.3',
        'x-real-ip': '10.1.2.3',
        forwarded: 'for=10.1.2.3',
        'cf-connecting-ip': '10.1.2.3',
      };
      expect((await open.ask('GET', '/key/list', undefined, open.product.masterKey, forged)).status).toBe(
        403,
      );
      expect((await open.chat(open.product.masterKey, {}, forged)).status).toBe(403);
    } finally {
      await open.dispose();
    }
  });
});
