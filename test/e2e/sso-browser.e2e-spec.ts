import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../harness/certificates.js';
import { launchChromium } from '../harness/chromium.js';
import { type NginxServer, startNginx } from '../harness/nginx.js';
import { CLIENT, OpenIdTestProvider } from '../harness/openid-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

let provider: OpenIdTestProvider;
let browser: Browser;
const folder = mkdtempSync(join(tmpdir(), 'tollgate-tls-'));

beforeAll(async () => {
  const { cert, key } = makeCertificate('localhost');
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  provider = await OpenIdTestProvider.start();
  provider.accounts.set('ada', {
    preferred_username: 'ada',
    email: 'ada@my-co.com',
    email_verified: true,
    role: 'proxy_admin',
  });
  browser = await launchChromium();
}, 400_000);

afterAll(async () => {
  await browser?.close();
  await provider?.close();
  rmSync(folder, { recursive: true, force: true });
});

const site = (prefix: string): string => `
server {
    listen 443 ssl;
    server_name localhost;
    ssl_certificate     ${folder}/cert.pem;
    ssl_certificate_key ${folder}/key.pem;
    location ${prefix}/ {
        proxy_pass http://127.0.0.1:4000;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
}`;

/** A person in a browser, from the first click to the last, as in a deployment: TLS ends in nginx, which knows the address. */
describe.each(['', '/llm/gateway'])('a browser behind nginx, under "%s"', (prefix) => {
  let database: TestDatabase;
  let product: Product;
  let nginx: NginxServer;
  let base: string;
  let page: Page;

  beforeAll(async () => {
    database = await createTestDatabase();
    product = await Product.start({
      databaseUrl: database.url.reveal(),
      env: {
        ...(prefix === '' ? {} : { SERVER_ROOT_PATH: prefix }),
        GENERIC_CLIENT_ID: CLIENT.id,
        GENERIC_CLIENT_SECRET: CLIENT.secret,
        GENERIC_ISSUER: provider.issuer,
      },
      config: { general_settings: { trusted_proxy_ranges: ['127.0.0.1'] } },
    });
    nginx = await startNginx(site(prefix), product.port, { tls: true });
    base = `https://localhost:${nginx.port}${prefix}`;
    provider.redirectUris.add(`${base}/sso/callback`);
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    page = await context.newPage();
    // The provider's page of the test library asks for a font of the internet.
    await page.route(/fonts\.googleapis\.com/, (route) => route.abort());
  }, 120_000);

  afterAll(async () => {
    await page?.context().close();
    await nginx?.stop();
    await product?.dispose();
    await database?.drop();
  });

  it('signs in, sees who it is, and signs out', async () => {
    await page.goto(`${base}/sso/key/generate`);
    expect(page.url()).toContain(provider.issuer);
    await page.fill('input[name=login]', 'ada');
    await page.fill('input[name=password]', 'any');
    await page.click('button[type=submit]');
    await page.waitForURL(`${base}/ui/`);
    expect(await page.textContent('main')).toContain('ada');
    const cookies = await page.context().cookies(base);
    expect(cookies.map(({ name }) => name)).toEqual(['__Host-tollgate_session']);
    expect(cookies[0]).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Lax' });
    // Scripts of the page have nothing to steal.
    expect(await page.evaluate('document.cookie')).toBe('');
    const session = `${cookies[0]?.name}=${cookies[0]?.value}`;
    const asked = () =>
      fetch(`${product.url}${prefix}/session/info`, {
        headers: { cookie: session, 'x-forwarded-proto': 'https', 'sec-fetch-site': 'same-origin' },
      });
    expect((await asked()).status).toBe(200);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().endsWith('/logout')),
      page.click('button:has-text("Sign out")'),
    ]);
    expect(answer.status()).toBeLessThan(400);
    await page.waitForLoadState('networkidle');
    expect(await page.context().cookies(base)).toEqual([]);
    // Not only forgotten by the browser: whoever has a copy of the cookie is nobody, too.
    expect((await asked()).status).toBe(401);
  });

  it.each(['/docs', '/ui/', '/sso/key/generate'])('fits %s onto a telephone', async (path) => {
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto(`${base}${path}`);
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
  });
});
