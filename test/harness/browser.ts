import type { TestDatabase } from './postgres.js';
import type { Product } from './product.js';

/**
 * A browser as far as signing in needs one: keeps cookies, follows redirects only when told, and says where a form came from as
 * browsers do. It has no scripts, like the pages.
 */
export class ScriptedBrowser {
  readonly cookies = new Map<string, string>();
  /** Every `Set-Cookie` it was sent, as written. */
  readonly setCookies: string[] = [];

  constructor(readonly origin: string) {}

  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#send(path, { headers: { 'sec-fetch-site': 'none', ...headers } });
  }

  /** As a form of one of the product's own pages, unless the headers say otherwise. */
  submit(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.#send(path, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: this.origin, ...headers },
    });
  }

  /** As a script of one of the product's own pages. */
  async call(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.#send(path, {
      method,
      headers: { 'content-type': 'application/json', origin: this.origin, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** The value of a field in the page's form. */
  static field(page: string, name: string): string {
    const found = new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1];
    if (found === undefined) throw new Error(`the page has no field ${name}:\n${page}`);
    return found;
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(path, this.origin), {
      ...init,
      redirect: 'manual',
      headers: { ...(init.headers as Record<string, string>), ...(cookie === '' ? {} : { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      this.setCookies.push(line);
      const [pair = ''] = line.split(';');
      const name = pair.slice(0, pair.indexOf('='));
      if (/max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(name.length + 1));
    }
    return response;
  }
}

/** Makes a user `id` with the address `id@example.com` and a password that is not due to be changed. */
export async function makeUserWithPassword(
  product: Product,
  database: TestDatabase,
  id: string,
  password: string,
): Promise<void> {
  await product.request('POST', '/user/new', { user_id: id, user_email: `${id}@example.com` });
  const set = await product.request('POST', '/user/update', { user_id: id, password });
  if (!set.ok) throw new Error(`the password was not set: ${await set.text()}`);
  await database.dataSource.query('UPDATE users SET password_reset_required = false WHERE id = $1', [id]);
}

/** A browser in which that user is signed in. */
export async function browserOf(product: Product, id: string, password: string): Promise<ScriptedBrowser> {
  const browser = new ScriptedBrowser(product.url);
  const answer = await browser.submit('/login', { username: `${id}@example.com`, password });
  if (answer.status !== 303) throw new Error(`not signed in: ${answer.status} ${await answer.text()}`);
  return browser;
}
