import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../harness/certificates.js';
import { openAi } from '../harness/clients.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { ask, keepAlive } from '../harness/load.js';
import { type NginxServer, startNginx } from '../harness/nginx.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

/** The site file of the security guide, as its readers copy it. */
const GUIDE_SITE = `
server {
    listen 80;
    server_name api.yourdomain.com;

    location / {
        proxy_pass http://localhost:4000;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection 'upgrade';
        proxy_set_header Host $host;
        proxy_cache_bypass $http_upgrade;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
}
`;

let database: TestDatabase;
let provider: FakeProvider;
let product: Product;
let key: string;
let wire: CountedWire;
let certificates: string;

beforeAll(async () => {
  database = await createTestDatabase();
  provider = await FakeProvider.start();
  const litellm_params = { model: 'openai/up', api_base: provider.url, api_key: 'sk-upstream' };
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: {
      model_list: [{ model_name: 'm', litellm_params }],
      general_settings: { trusted_proxy_ranges: ['127.0.0.1/32'] },
    },
  });
  key = await product.makeKey();
  wire = await CountedWire.to(product.port);
  certificates = mkdtempSync(join(tmpdir(), 'tollgate-site-'));
});
afterAll(async () => {
  await wire?.close();
  await product?.dispose();
  await provider?.stop();
  await database?.drop();
  if (certificates) rmSync(certificates, { recursive: true });
});

/** The site this product ships, without its redirect from port 80, and with certificates that exist. */
function shippedSite(): string {
  const site = readFileSync(
    fileURLToPath(new URL('../../docker/nginx/tollgate.conf', import.meta.url)),
    'utf8',
  );
  const { cert, key: privateKey } = makeCertificate('llm.example.com');
  writeFileSync(join(certificates, 'fullchain.pem'), cert);
  writeFileSync(join(certificates, 'key.pem'), privateKey);
  return site.replace(/server \{\s*listen 80;[^}]*\}/, '').replaceAll('/etc/ssl/tollgate', certificates);
}

describe.each([
  ["the security guide's own site file", () => GUIDE_SITE],
  ['the site file in docker/nginx', shippedSite],
])('behind nginx with %s', (_name, site) => {
  let nginx: NginxServer;
  beforeAll(async () => {
    nginx = await startNginx(site(), wire.port);
  });
  afterAll(() => nginx?.stop());

  it('a stream arrives frame by frame', async () => {
    provider.behaveNext({ completionTokens: 12, frameDelayMs: 50 });
    const streamed = await ask(nginx.url, { key, id: 'frames', stream: true });
    expect(streamed.finished).toBe(true);
    const [first = 0] = streamed.arrivedAt;
    const last = streamed.arrivedAt.at(-1) ?? 0;
    // Buffered, they would come together when the last one is there.
    expect(streamed.arrivedAt.length).toBeGreaterThanOrEqual(10);
    expect(last - first).toBeGreaterThan(400);
    const gaps = streamed.arrivedAt.slice(1).map((at, n) => at - (streamed.arrivedAt[n] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(400);
  });

  it('the real client streams and reads whole answers', async () => {
    const client = openAi(`${nginx.url}/v1`, key);
    const messages = [{ role: 'user' as const, content: 'hi' }];
    const whole = await client.chat.completions.create({ model: 'm', messages });
    expect(whole.usage?.completion_tokens).toBe(5);
    let text = '';
    for await (const chunk of await client.chat.completions.create({ model: 'm', messages, stream: true }))
      text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toContain('Hello');
  });

  it("the caller's address is the client's, and what the client claims about it is not believed", async () => {
    const id = `from-${nginx.port}`;
    const headers = { 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9' };
    expect((await ask(nginx.url, { key, id, from: '127.0.0.2', headers, agent: keepAlive() })).status).toBe(
      200,
    );
    const response = await product.request('GET', `/spend/logs?request_id=${id}`);
    const rows = (await response.json()) as { requester_ip_address: string }[];
    expect(rows.map((row) => row.requester_ip_address)).toEqual(['127.0.0.2']);
  });

  it('large bodies pass whole, and one over the limit does not get through', async () => {
    // The guide's site keeps nginx's own limit of 1 MB.
    const size = site() === GUIDE_SITE ? 900_000 : 12_000_000;
    const content = 'word '.repeat(size / 5);
    const body = { model: 'm', messages: [{ role: 'user', content }] };
    expect(await ask(nginx.url, { key, id: 'large', body })).toMatchObject({ status: 200, finished: true });
    expect(provider.requests.at(-1)?.body.length).toBeGreaterThan(size);
    const tooLarge = { model: 'm', messages: [{ role: 'user', content: 'x'.repeat(70_000_000) }] };
    const refused = await ask(nginx.url, { key, id: 'too-large', body: tooLarge });
    expect([413, 0]).toContain(refused.status);
    expect((await ask(nginx.url, { key, id: 'after' })).status).toBe(200);
  });

  it('one client connection carries many requests', async () => {
    const before = wire.connections;
    const agent = keepAlive(1);
    const seen = [];
    for (let n = 0; n < 30; n += 1)
      seen.push(await ask(nginx.url, { key, id: `reuse-${n}`, agent, stream: n % 2 === 0 }));
    expect(seen.filter(({ finished }) => !finished)).toEqual([]);
    // Ours also keeps its connections to the gateway; the guide's opens one for each request.
    if (site() !== GUIDE_SITE) expect(wire.connections - before).toBeLessThanOrEqual(2);
  });

  it('a client that hangs up ends the call upstream too', async () => {
    provider.behaveNext({ completionTokens: 200, frameDelayMs: 30 });
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(), 300);
    await ask(nginx.url, { key, id: 'leaves', stream: true, signal: leaving.signal });
    const upstream = provider.requests.at(-1);
    await expect.poll(() => upstream?.outcome, { timeout: 3_000 }).toBe('client-gone');
  });
});

/** Between nginx and the gateway, to count connections. */
class CountedWire {
  connections = 0;
  private constructor(private readonly server: Server) {}
  static async to(port: number): Promise<CountedWire> {
    const server = createServer((near) => {
      wired.connections += 1;
      const far = connect(port, '127.0.0.1');
      near.pipe(far).pipe(near);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const)
        one.on('error', () => other.destroy()).on('close', () => other.destroy());
    });
    const wired = new CountedWire(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return wired;
  }
  get port(): number {
    const address = this.server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }
  async close(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
  }
}
