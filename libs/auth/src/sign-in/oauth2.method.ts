import { type Config, isBuiltInRole, type OAuth2Settings } from '#libs/config';
import { type Clock, GatewayError, isRecord, type Principal } from '#libs/kernel';
import type { Identities } from '#libs/tenancy';
import { CredentialMethod, type Presented } from '../credential-method.js';
import { type Claims, scopesOf, textClaim } from '../jwt/claims.js';
import { fetchJson, ProviderRefusal, providerUnavailable } from '../jwt/identity-provider.js';
import { refusal } from '../refusal.js';
import { claimedRole } from './claimed-roles.js';
import { type KnownToken, OpaqueTokens } from './opaque-tokens.js';
import { scopeRules } from './scope-rules.js';
import type { TokenCallers } from './token-callers.js';

/**
 * Opaque access tokens of an OAuth2 server: introspection (RFC 7662) when the endpoint and the client credentials say so, else a
 * token-info endpoint that takes the token as a bearer (contract/auth 4.1). Fails closed. Keys of our own are never sent there.
 */
export class OAuth2Method extends CredentialMethod {
  readonly name = 'oauth2';
  readonly #tokens: OpaqueTokens<Claims>;

  constructor(
    private readonly settings: OAuth2Settings,
    private readonly roles: Config['roles'],
    private readonly clock: Clock,
    private readonly callers: TokenCallers,
    private readonly identities: Identities,
  ) {
    super();
    this.#tokens = new OpaqueTokens(clock);
  }

  accepts({ raw }: Presented): boolean {
    return raw !== '' && !raw.startsWith('sk-');
  }

  authenticate({ raw, hash }: Presented): Principal | Promise<Principal> {
    const claims = this.#tokens.recall(hash);
    if (claims !== undefined) return this.#callerOf(hash, claims);
    return this.#tokens.learn(hash, () => this.#ask(raw)).then((fresh) => this.#callerOf(hash, fresh));
  }

  #callerOf(hash: string, claims: Claims): Principal | Promise<Principal> {
    return this.callers.find(`oauth2:${hash}`, async () => {
      const { userIdField, roleField, teamIdField } = this.settings;
      const userId = textClaim(claims, userIdField) ?? null;
      const role = textClaim(claims, roleField);
      const scopes = scopesOf(claims);
      const own = await claimedRole(this.roles, this.identities, [
        ...(role === undefined ? [] : [role]),
        ...scopes,
      ]);
      if (role !== undefined && !isBuiltInRole(role) && own.role !== role)
        throw refusal('auth.token_invalid', 'the role of this token is not one of this proxy.');
      const isAdmin = role === 'proxy_admin';
      return {
        callers: [
          {
            ids: { userId, teamId: textClaim(claims, teamIdField) ?? null },
            claims: {
              credential: 'oauth2',
              displayName: userId ?? 'oauth2',
              // Other built-in roles are the stored user's to have: a token cannot promote anybody else.
              ...(isAdmin ? { role } : own.role === undefined ? {} : { role: own.role }),
              ...(isAdmin ? {} : scopeRules(this.settings.scopeMappings, scopes)),
              metadata: { scopes },
            },
          },
        ],
        rows: own.rows,
      };
    });
  }

  async #ask(token: string): Promise<KnownToken<Claims>> {
    const { endpoint, cacheTtlMs } = this.settings;
    let claims: unknown;
    try {
      claims = await fetchJson(endpoint, this.#request(token));
    } catch (thrown) {
      if (!(thrown instanceof ProviderRefusal)) throw thrown;
      if (!thrown.isBusy && !this.#isAboutUs(thrown)) throw notAccepted(thrown);
      throw providerUnavailable(endpoint, `it answered with status ${thrown.status}`, thrown);
    }
    if (!isRecord(claims)) throw notAccepted();
    // Absent: a token-info endpoint, which answers only about good ones. Anything but true is no yes.
    if (claims['active'] !== undefined && claims['active'] !== true) throw notAccepted();
    const nowMs = this.clock.nowMs();
    const exp = endOf(claims['exp']);
    if (exp <= nowMs) throw new GatewayError('auth.key_expired', 'Authentication Error, Token Expired');
    return { meaning: claims, untilMs: Math.min(exp, nowMs + cacheTtlMs) };
  }

  /** An introspection endpoint says of a bad token that it is not active, with 200: 401 and 403 are about our own credentials (RFC 7662, 2.3). */
  #isAboutUs({ status }: ProviderRefusal): boolean {
    return this.#introspects && (status === 401 || status === 403);
  }

  get #introspects(): boolean {
    const { endpoint, clientId, clientSecret } = this.settings;
    return /introspect/i.test(endpoint) && clientId !== undefined && clientSecret !== undefined;
  }

  #request(token: string): RequestInit {
    const { clientId, clientSecret } = this.settings;
    if (!this.#introspects || clientId === undefined || clientSecret === undefined)
      return { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } };
    const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret.reveal())}`);
    return {
      method: 'POST',
      headers: { authorization: `Basic ${basic.toString('base64')}`, accept: 'application/json' },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    };
  }
}

/** Milliseconds; some servers send the seconds as text. An end that cannot be read is one that has passed. */
function endOf(exp: unknown): number {
  if (exp === undefined || exp === null) return Number.POSITIVE_INFINITY;
  const seconds = typeof exp === 'string' && /^\d{1,12}$/.test(exp) ? Number(exp) : exp;
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds * 1_000 : 0;
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
