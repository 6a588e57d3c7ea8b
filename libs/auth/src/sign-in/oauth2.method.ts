import { LRUCache } from 'lru-cache';
import { type Config, isBuiltInRole, type OAuth2Settings } from '#libs/config';
import { type Clock, GatewayError, type Principal } from '#libs/kernel';
import type { Identities } from '#libs/tenancy';
import { CredentialMethod, type Presented } from '../credential-method.js';
import { type Claims, scopesOf, textClaim } from '../jwt/claims.js';
import { fetchJson, ProviderRefusal, providerUnavailable } from '../jwt/identity-provider.js';
import { refusal } from '../refusal.js';
import { claimedRole } from './claimed-roles.js';
import { scopeRules } from './scope-rules.js';
import type { TokenCallers } from './token-callers.js';

interface KnownToken {
  readonly claims: Claims;
  readonly untilMs: number;
}

const MOST_TOKENS = 10_000;
const MOST_REFUSED = 1_000;
/** A token that its server does not know is refused without another question for this long. */
const REFUSED_MS = 1_000;

/**
 * Opaque access tokens of an OAuth2 server: introspection (RFC 7662) when the endpoint and the client credentials say so, else a
 * token-info endpoint that takes the token as a bearer (contract/auth 4.1). Fails closed. Keys of our own are never sent there.
 */
export class OAuth2Method extends CredentialMethod {
  readonly name = 'oauth2';
  readonly #known = new LRUCache<string, KnownToken>({ max: MOST_TOKENS });
  readonly #refused = new LRUCache<string, { readonly error: GatewayError; readonly atMs: number }>({
    max: MOST_REFUSED,
  });
  readonly #running = new Map<string, Promise<KnownToken>>();

  constructor(
    private readonly settings: OAuth2Settings,
    private readonly roles: Config['roles'],
    private readonly clock: Clock,
    private readonly callers: TokenCallers,
    private readonly identities: Identities,
  ) {
    super();
  }

  accepts({ raw }: Presented): boolean {
    return raw !== '' && !raw.startsWith('sk-');
  }

  authenticate({ raw, hash }: Presented): Principal | Promise<Principal> {
    const known = this.#known.get(hash);
    if (known !== undefined && known.untilMs > this.clock.nowMs()) return this.#callerOf(hash, known.claims);
    return this.#learn(raw, hash).then(({ claims }) => this.#callerOf(hash, claims));
  }

  /** One question at a time for each token, however many requests bring it. */
  async #learn(raw: string, hash: string): Promise<KnownToken> {
    const refused = this.#refused.get(hash);
    if (refused !== undefined && this.clock.monotonicMs() - refused.atMs < REFUSED_MS) throw refused.error;
    const running = this.#running.get(hash);
    if (running) return running;
    const asked = this.#ask(raw).finally(() => this.#running.delete(hash));
    this.#running.set(hash, asked);
    try {
      const fresh = await asked;
      this.#known.set(hash, fresh);
      return fresh;
    } catch (thrown) {
      if (thrown instanceof GatewayError && thrown.status === 401)
        this.#refused.set(hash, { error: thrown, atMs: this.clock.monotonicMs() });
      throw thrown;
    }
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

  async #ask(token: string): Promise<KnownToken> {
    const { endpoint, cacheTtlMs } = this.settings;
    let claims: unknown;
    try {
      claims = await fetchJson(endpoint, this.#request(token));
    } catch (thrown) {
      if (!(thrown instanceof ProviderRefusal)) throw thrown;
      if (!thrown.isBusy && !this.#isAboutUs(thrown)) throw notAccepted(thrown);
      throw providerUnavailable(endpoint, `it answered with status ${thrown.status}`, thrown);
    }
    if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) throw notAccepted();
    const answer = claims as Claims;
    // Absent: a token-info endpoint, which answers only about good ones. Anything but true is no yes.
    if (answer['active'] !== undefined && answer['active'] !== true) throw notAccepted();
    const nowMs = this.clock.nowMs();
    const exp = endOf(answer['exp']);
    if (exp <= nowMs) throw new GatewayError('auth.key_expired', 'Authentication Error, Token Expired');
    return { claims: answer, untilMs: Math.min(exp, nowMs + cacheTtlMs) };
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
