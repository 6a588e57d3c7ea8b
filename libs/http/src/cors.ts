import type { IncomingMessage, ServerResponse } from 'node:http';

const ALLOWED_METHODS = 'GET,POST,PUT,PATCH,DELETE,OPTIONS';
/** What clients read besides the body: ids, costs, limits and when to come back. */
const EXPOSED_HEADERS =
  'x-litellm-call-id,x-litellm-response-cost,x-ratelimit-limit-requests,x-ratelimit-remaining-requests,retry-after,x-tollgate-decision-id';

/**
 * Cross-origin answers for the configured origins; off when none are configured. Credentials (cookies) only when asked
 * for and never for every origin: a page of a stranger must gain nothing from a signed-in browser.
 */
export class Cors {
  readonly #any: boolean;
  readonly #origins: ReadonlySet<string>;

  constructor(
    origins: readonly string[],
    private readonly allowCredentials = false,
  ) {
    this.#any = origins.includes('*');
    this.#origins = new Set(origins);
  }

  get isOn(): boolean {
    return this.#any || this.#origins.size > 0;
  }

  /** Appends what a browser of this origin may see to flat headers; nothing for an origin that is not configured. */
  append(request: IncomingMessage, headers: string[]): void {
    if (!this.isOn) return;
    headers.push('vary', 'Origin');
    const origin = request.headers.origin;
    if (origin === undefined || !(this.#any || this.#origins.has(origin))) return;
    headers.push('access-control-allow-origin', this.#any ? '*' : origin);
    headers.push('access-control-expose-headers', EXPOSED_HEADERS);
    if (this.allowCredentials && !this.#any) headers.push('access-control-allow-credentials', 'true');
  }

  /** Express middleware: sets the headers, and answers preflights. */
  readonly middleware = (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const headers: string[] = [];
    this.append(request, headers);
    for (let i = 0; i < headers.length; i += 2) response.setHeader(headers[i] ?? '', headers[i + 1] ?? '');
    const asked = request.headers['access-control-request-method'];
    if (request.method !== 'OPTIONS' || asked === undefined || headers.length <= 2) {
      next();
      return;
    }
    response.setHeader('access-control-allow-methods', ALLOWED_METHODS);
    response.setHeader(
      'access-control-allow-headers',
      request.headers['access-control-request-headers'] ?? '*',
    );
    response.setHeader('access-control-max-age', '600');
    response.writeHead(204).end();
  };
}
