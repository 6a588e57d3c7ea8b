import type { CookieClient } from './browser-client.js';

/** Signs in at the provider as `account` and stops at the address it sends the browser back to. */
export async function throughProvider(
  client: CookieClient,
  startUrl: string,
  account: string,
): Promise<string> {
  const { origin } = new URL(startUrl);
  const { response, url } = await client.follow(startUrl, (location) => location.startsWith(`${origin}/`));
  // A provider that knows the browser already asks for nothing.
  if (url.startsWith(`${origin}/`)) {
    if (url === startUrl)
      throw new Error(`${startUrl} answered ${response.status}: ${await response.text()}`);
    return url;
  }
  const posted = await client.post(url, { prompt: 'login', login: account, password: 'any' });
  const next = posted.headers.get('location');
  if (next === null) throw new Error(`the provider answered ${posted.status}: ${await posted.text()}`);
  const back = await client.follow(new URL(next, url).href, (location) => location.startsWith(`${origin}/`));
  return back.url;
}

/** The whole way: what the product answers to the browser that comes back. */
export async function signInWith(
  client: CookieClient,
  base: string,
  account: string,
  query = '',
): Promise<Response> {
  return client.get(await throughProvider(client, `${base}/sso/key/generate${query}`, account));
}

/** Who the browser is to the product; the error's status when it is nobody. */
export async function whoAmI(client: CookieClient, base: string): Promise<{ status: number; text: string }> {
  const response = await client.get(`${base}/session/info`, { 'sec-fetch-site': 'same-origin' });
  return { status: response.status, text: await response.text() };
}
