import { LRUCache } from 'lru-cache';
import type { OAuth2Settings } from '#libs/config';
import { type Clock, GatewayError, type Principal, ROLES } from '#libs/kernel';
import { CredentialMethod, type Presented } from '../credential-method.js';
import { type Claims, scopesOf, textClaim } from '../jwt/claims.js';
import { fetchJson, ProviderRefusal } from '../jwt/identity-provider.js';
import { refusal } from '../refusal.js';
import type { TokenCallers } from './token-callers.js';

interface KnownToken {
  readonly claims: Claims;
  readonly untilMs: number;
}

const MOST_TOKENS = 10_000;

/**
 * Opaque access tokens of an OAuth2 server: introspection (RFC 7662) when the endpoint and the client credentials say so, else a
 * token-info endpoint that takes the token as a bearer (contract/auth 4.1). Fails closed. Keys of our own are never sent there.
 */
export class OAuth2Method extends CredentialMethod {
  readonly name = 'oauth2';
  readonly #known = new LRUCache<string, KnownToken>({ max: MOST_TOKENS });

  constructor(
    private readonly settings: OAuth2Settings,
    private readonly clock: Clock,
    private readonly callers: TokenCallers,
  ) {
    super();
  }

  accepts({ raw }: Presented): boolean {
    return raw !== '' && !raw.startsWith('sk-');
  }

  authenticate({ raw, hash }: Presented): Principal | Promise<Principal> {
    const known = this.#known.get(hash);
    if (known !== undefined && known.untilMs > this.clock.nowMs()) return this.#callerOf(hash, known.claims);
    return this.#ask(raw).then((fresh) => {
      this.#known.set(hash, fresh);
      return this.#callerOf(hash, fresh.claims);
    });
  }

  #callerOf(hash: string, claims: Claims): Principal | Promise<Principal> {
    return this.callers.find(`oauth2:${hash}`, async () => {
      const { userIdField, roleField, teamIdField } = this.settings;
      const userId = textClaim(claims, userIdField) ?? null;
      const role = textClaim(claims, roleField);
      if (role !== undefined && !ROLES.some((known) => known === role))
        throw refusal('auth.token_invalid', 'the role of this token is not one of this proxy.');
      return {
        callers: [
          {
            ids: { userId, teamId: textClaim(claims, teamIdField) ?? null },
            claims: {
              credential: 'oauth2',
              displayName: userId ?? 'oauth2',
              // Other roles are the stored user's to have: a token cannot promote anybody else.
              ...(role === 'proxy_admin' ? { role } : {}),
              metadata: { scopes: scopesOf(claims) },
            },
          },
        ],
        rows: [],
      };
    });
  }

  async #ask(token: string): Promise<KnownToken> {
    const { endpoint, cacheTtlMs } = this.settings;
    let claims: unknown;
    try {
      claims = await fetchJson(endpoint, this.#request(token));
    } catch (thrown) {
      if (thrown instanceof ProviderRefusal) throw notAccepted(thrown);
      throw thrown;
    }
    if (typeof claims !== 'object' || claims === null || (claims as Claims)['active'] === false)
      throw notAccepted();
    const answer = claims as Claims;
    const nowMs = this.clock.nowMs();
    const exp = typeof answer['exp'] === 'number' ? answer['exp'] * 1_000 : Number.POSITIVE_INFINITY;
    if (exp <= nowMs) throw new GatewayError('auth.key_expired', 'Authentication Error, Token Expired');
    return { claims: answer, untilMs: Math.min(exp, nowMs + cacheTtlMs) };
  }

  #request(token: string): RequestInit {
    const { endpoint, clientId, clientSecret } = this.settings;
    if (!/introspect/i.test(endpoint) || clientId === undefined || clientSecret === undefined)
      return { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } };
    const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret.reveal())}`);
    return {
      method: 'POST',
      headers: { authorization: `Basic ${basic.toString('base64')}`, accept: 'application/json' },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    };
  }
}

function notAccepted(cause?: unknown): GatewayError {
  return new GatewayError(
    'auth.token_invalid',
    'Authentication Error, the token is not accepted by its issuer.',
    {
      param: 'None',
      cause,
    },
  );
}
