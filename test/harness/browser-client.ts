/** What a browser does of its own accord, without one: it keeps cookies for each host, and follows redirects only when told to. */
export class CookieClient {
  readonly #jars = new Map<string, Map<string, string>>();

  cookiesOf(url: string): Map<string, string> {
    const { host } = new URL(url);
    const jar = this.#jars.get(host) ?? new Map<string, string>();
    this.#jars.set(host, jar);
    return jar;
  }

  async get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.#send(url, { headers });
  }

  async post(
    url: string,
    form: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return this.#send(url, { method: 'POST', body: new URLSearchParams(form), headers });
  }

  /** Follows redirects to the first answer that is none, or that leads to an address `until` says to stop at. */
  async follow(
    url: string,
    until: (location: string) => boolean = () => false,
  ): Promise<{ response: Response; url: string }> {
    let at = url;
    for (let hops = 0; hops < 20; hops += 1) {
      const response = await this.get(at);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) return { response, url: at };
      at = new URL(location, at).href;
      if (until(at)) return { response, url: at };
    }
    throw new Error(`redirects without end, at ${at}`);
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    const jar = this.cookiesOf(url);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...init.headers, ...(cookie === '' ? {} : { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /;\s*max-age=0/i.test(line) || /expires=thu, 01 jan 1970/i.test(line))
        jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  }
}
