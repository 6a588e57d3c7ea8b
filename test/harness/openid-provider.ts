import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import Provider from 'oidc-provider';

const SECRET = 'the-secret-of-tollgate-at-the-provider';
/** Sends its secret in a header, as a generic provider's client does unless told otherwise. */
export const CLIENT = { id: 'tollgate', secret: SECRET };
/** Sends it in the form, as Google's and Microsoft's do. */
export const FORM_CLIENT = { id: 'tollgate-form', secret: SECRET };

/** An account: what the id token and UserInfo say of it. */
export type AccountClaims = Readonly<Record<string, unknown>>;
/** Changes what is signed: claims, or the whole token. */
export type Tamper = (claims: JWTPayload, sign: Sign) => JWTPayload | string | Promise<string>;
export type Sign = (claims: JWTPayload, header?: Record<string, unknown>) => Promise<string>;

/**
 * A real OpenID provider (npm `oidc-provider`) on this machine: discovery, PKCE, its own pages for signing in, where any password is
 * right. Whoever signs in as `name` has the claims that `accounts` has for it. `tamper` makes it lie.
 */
export class OpenIdTestProvider {
  readonly accounts = new Map<string, AccountClaims>();
  readonly redirectUris = new Set<string>();
  /** Forms of the token endpoint, as they came. */
  readonly exchanges: Record<string, string>[] = [];
  tamper: Tamper | undefined;
  /** Paths that answer nothing but this status. */
  readonly broken = new Map<string, number>();

  private constructor(
    readonly issuer: string,
    private readonly server: Server,
  ) {}

  static async start(): Promise<OpenIdTestProvider> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const self = new OpenIdTestProvider(issuer, server);
    await self.#install();
    return self;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => void this.server.close(() => resolve()));
  }

  async #install(): Promise<void> {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk: JWK = { ...(await exportJWK(privateKey)), kid: 'test-key', alg: 'RS256', use: 'sig' };
    const key = await importJWK(jwk, 'RS256');
    const sign: Sign = (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'test-key', ...header }).sign(key);
    const provider = new Provider(this.issuer, {
      jwks: { keys: [jwk as never] },
      clients: [
        { ...client(CLIENT.id), token_endpoint_auth_method: 'client_secret_basic' },
        { ...client(FORM_CLIENT.id), token_endpoint_auth_method: 'client_secret_post' },
      ],
      clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
      cookies: { keys: ['a key of the test'] },
      conformIdTokenClaims: false,
      claims: { openid: ['sub', ...CLAIMS], email: ['email', 'email_verified'], profile: ['name'] },
      pkce: { required: () => true },
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, ...this.accounts.get(id) }),
      }),
      // Everybody has consented to everything.
      loadExistingGrant: async (context) => {
        const { client, session } = context.oidc;
        const grant = new context.oidc.provider.Grant({
          clientId: client?.clientId ?? '',
          accountId: session?.accountId ?? '',
        });
        grant.addOIDCScope('openid email profile User.Read');
        await grant.save();
        return grant;
      },
      scopes: ['openid', 'email', 'profile', 'User.Read'],
    });
    const { redirectUris } = this;
    provider.Client.prototype.redirectUriAllowed = (uri: string) => redirectUris.has(uri);
    provider.use(async (context, next) => {
      const status = this.broken.get(context.path);
      if (status !== undefined) {
        context.status = status;
        context.body = {};
        return;
      }
      await next();
      if (context.path !== '/token') return;
      this.exchanges.push({ ...(context.oidc?.body as Record<string, string>) });
      const body = context.body as { id_token?: string };
      if (this.tamper && body?.id_token) {
        const said = await this.tamper(decodeJwt(body.id_token), sign);
        body.id_token = typeof said === 'string' ? said : await sign(said);
      }
    });
    this.server.on('request', provider.callback());
  }
}

function client(id: string) {
  return {
    client_id: id,
    client_secret: SECRET,
    redirect_uris: ['http://127.0.0.1/unused'],
    grant_types: ['authorization_code'],
    response_types: ['code' as const],
  };
}

/** Names of claims that accounts may have; the provider tells no others. */
const CLAIMS = [
  'preferred_username', 'given_name', 'family_name', 'picture', 'hd', 'groups', 'role', 'roles', 'app_roles', 'tid', 'oid',
  'first_name', 'last_name', 'realm_access', 'azp', 'org', 'employment', 'tokens',
]; // prettier-ignore
