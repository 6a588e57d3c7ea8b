import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  readonly jwk: JWK;
}

/** An identity provider over real HTTP: discovery, key set, introspection, token info and user info; can be taken away. */
export class IdentityProvider {
  readonly #server: Server;
  #keys: SigningKey[] = [];
  #port = 0;
  #isDown = false;
  #isSilent = false;
  /** Path to what it answers there instead: a status, or bytes that it says are JSON in gzip. */
  readonly instead = new Map<string, number | Buffer>();
  /** Paths that were asked for, in order. */
  readonly asked: string[] = [];
  /** Opaque tokens and what they stand for. */
  readonly opaque = new Map<string, Record<string, unknown>>();
  /** What the last introspection request carried. */
  lastAuthorization = '';

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(algorithms: readonly string[] = ['RS256']): Promise<IdentityProvider> {
    const provider = new IdentityProvider();
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    provider.#port = (provider.#server.address() as AddressInfo).port;
    for (const algorithm of algorithms) await provider.addKey(algorithm);
    return provider;
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get keysUrl(): string {
    return `${this.issuer}/jwks`;
  }

  async addKey(alg = 'RS256'): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `key-${this.#keys.length + 1}-${alg}`;
    this.#keys.push({ kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid } });
  }

  /** The newest key takes over; the others are not published any more. */
  async rotate(): Promise<void> {
    this.#keys = [];
    await this.addKey();
    const [only] = this.#keys;
    const kid = `rotated-${randomUUID()}`;
    if (only) this.#keys = [{ ...only, kid, jwk: { ...only.jwk, kid } }];
  }

  publish(jwk: JWK): void {
    const [first] = this.#keys;
    if (first) this.#keys.push({ ...first, kid: jwk.kid ?? '', jwk });
  }

  setDown(isDown: boolean): void {
    this.#isDown = isDown;
  }

  /** Takes connections and says nothing: the worst kind of being away. */
  setSilent(isSilent: boolean): void {
    this.#isSilent = isSilent;
    if (!isSilent) this.#server.closeAllConnections();
  }

  /** Signed with the named algorithm's key; `exp` in an hour unless the claims say otherwise. */
  token(claims: JWTPayload, alg?: string, header: Record<string, unknown> = {}): Promise<string> {
    const key = this.#keys.find((one) => alg === undefined || one.alg === alg);
    if (!key) throw new Error('no such key');
    return new SignJWT({ iss: this.issuer, ...claims })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
      .setIssuedAt()
      .setExpirationTime(claims.exp ?? '1h')
      .sign(key.privateKey);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    this.asked.push(path);
    if (this.#isDown) {
      request.destroy();
      return;
    }
    if (this.#isSilent) return;
    const body = await text(request);
    const instead = this.instead.get(path);
    if (instead !== undefined) {
      if (typeof instead === 'number') response.writeHead(instead).end('{"error":"no"}');
      else
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
          .end(instead);
      return;
    }
    const authorization = request.headers.authorization ?? '';
    const send = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (path === '/jwks') return send(200, { keys: this.#keys.map(({ jwk }) => jwk) });
    if (path === '/.well-known/openid-configuration')
      return send(200, { issuer: this.issuer, jwks_uri: this.keysUrl });
    const bearer = this.opaque.get(authorization.replace(/^Bearer /, ''));
    if (path === '/introspect') {
      this.lastAuthorization = authorization;
      const token = new URLSearchParams(body).get('token') ?? '';
      return send(
        200,
        this.opaque.has(token) ? { active: true, ...this.opaque.get(token) } : { active: false },
      );
    }
    if (path === '/token-info' || path === '/userinfo')
      return bearer ? send(200, bearer) : send(401, { error: 'invalid_token' });
    send(404, {});
  }
}

async function text(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}
