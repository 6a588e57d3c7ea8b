import { LRUCache } from 'lru-cache';
import type { JwtSettings } from '#libs/config';
import { type Clock, GatewayError, isRecord, type Principal } from '#libs/kernel';
import { decodeJwt } from 'jose';
import { CredentialMethod, type Presented } from '../credential-method.js';
import { refusal } from '../refusal.js';
import { onlyHeader } from '../sent-headers.js';
import { loadFunction } from '../sign-in/operator-module.js';
import { OpaqueTokens } from '../sign-in/opaque-tokens.js';
import type { TokenCallers } from '../sign-in/token-callers.js';
import { type Claims, scopesOf } from './claims.js';
import { fetchJson, ProviderRefusal, providerUnavailable } from './identity-provider.js';
import { globMatches } from './glob.js';
import type { JwtKeys } from './jwt-keys.js';
import { TokenVerifier, type VerifiedToken } from './token-verifier.js';

const MOST_TOKENS = 10_000;
const USER_INFO_MS = 300_000;
const TEAM_HEADER = 'x-litellm-team-id';

/**
 * Signed tokens of an identity provider (contract/auth 3). A token that was verified is remembered by its hash until it
 * ends or its keys change; then, and for a token met for the first time, it is verified. Opaque tokens go to the UserInfo
 * endpoint when that is on.
 */
export class JwtMethod extends CredentialMethod {
  readonly name = 'jwt';
  readonly #verifier: TokenVerifier;
  readonly #verified = new LRUCache<string, VerifiedToken>({ max: MOST_TOKENS });
  /** Of the UserInfo endpoint. */
  readonly #opaque: OpaqueTokens<VerifiedToken>;
  #customValidate: ((claims: Claims) => unknown) | undefined;

  constructor(
    private readonly settings: JwtSettings,
    private readonly clock: Clock,
    private readonly callers: TokenCallers,
    private readonly meaning: JwtKeys,
    /** Where `routing_overrides` send tokens; also takes opaque ones. */
    private readonly oauth2: CredentialMethod | undefined,
  ) {
    super();
    this.#verifier = new TokenVerifier(settings, clock);
    this.#opaque = new OpaqueTokens(clock);
  }

  async load(): Promise<void> {
    const { customValidate } = this.settings;
    if (customValidate)
      this.#customValidate = await loadFunction<(claims: Claims) => unknown>(customValidate);
  }

  accepts({ raw }: Presented): boolean {
    if (raw === '' || raw.startsWith('sk-')) return false;
    return isSigned(raw) ? !this.#goesElsewhere(raw) : this.#usesUserInfo;
  }

  authenticate(presented: Presented): Principal | Promise<Principal> {
    const known = this.#verified.get(presented.hash);
    if (known !== undefined && known.isCurrent() && known.expiresAtMs > this.clock.nowMs())
      return this.#callerOf(presented, known);
    return this.#verify(presented).then((fresh) => {
      this.#verified.set(presented.hash, fresh);
      return this.#callerOf(presented, fresh);
    });
  }

  #callerOf({ hash, facts }: Presented, token: VerifiedToken): Principal | Promise<Principal> {
    const asked = onlyHeader(facts, TEAM_HEADER) || undefined;
    const key = asked === undefined ? `jwt:${hash}` : `jwt:${hash}:${asked}`;
    const found = this.callers.find(key, () => this.meaning.resolve(token, asked));
    return found instanceof Promise
      ? found.then((caller) => this.#unexpired(caller))
      : this.#unexpired(found);
  }

  /** Only the key that a token stands for has an end of its own; the token's was judged before. */
  #unexpired(caller: Principal): Principal {
    if (caller.expiresAtMs === undefined || caller.expiresAtMs > this.clock.nowMs()) return caller;
    throw refusal('auth.key_expired', 'Expired Key: the key that this token stands for has ended.');
  }

  async #verify({ raw, hash }: Presented): Promise<VerifiedToken> {
    const token = isSigned(raw)
      ? await this.#verifier.verify(raw)
      : await this.#opaque.learn(hash, async () => {
          const meaning = await this.#userInfo(raw);
          return { meaning, untilMs: meaning.expiresAtMs };
        });
    if (this.#customValidate) {
      let verdict: unknown;
      try {
        verdict = await this.#customValidate(token.claims);
      } catch (cause) {
        throw denied(cause);
      }
      if (verdict !== true) throw denied();
    }
    return token;
  }

  get #usesUserInfo(): boolean {
    const { oidc_userinfo_enabled: isOn, oidc_userinfo_endpoint: endpoint } = this.settings.options;
    return isOn === true && endpoint !== undefined;
  }

  async #userInfo(raw: string): Promise<VerifiedToken> {
    const { oidc_userinfo_endpoint: endpoint = '', oidc_userinfo_cache_ttl: ttlMs = USER_INFO_MS } =
      this.settings.options;
    try {
      const claims = await fetchJson(endpoint, {
        headers: { authorization: `Bearer ${raw}`, accept: 'application/json' },
      });
      if (!isRecord(claims)) throw notKnown();
      return {
        claims,
        expiresAtMs: this.clock.nowMs() + ttlMs,
        issuer: undefined,
        isCurrent: () => true,
      };
    } catch (thrown) {
      if (thrown instanceof ProviderRefusal && !thrown.isBusy) throw notKnown(thrown);
      if (thrown instanceof ProviderRefusal)
        throw providerUnavailable(endpoint, `it answered with status ${thrown.status}`, thrown);
      throw thrown;
    }
  }

  /** `routing_overrides`: unverified claims choose the OAuth2 server, which then verifies. */
  #goesElsewhere(raw: string): boolean {
    const rules = this.settings.options.routing_overrides;
    if (rules === undefined || this.oauth2 === undefined) return false;
    let claims: Claims;
    try {
      claims = decodeJwt(raw);
    } catch {
      // Not a token at all: the verifier says so.
      return false;
    }
    const scopes =
      typeof claims['scope'] === 'string' || Array.isArray(claims['scope']) ? scopesOf(claims) : [];
    return rules.some(
      ({ iss, client_id: clients, scope, aud }) =>
        matches([iss], [claims['iss']]) &&
        (clients === undefined || matches(clients, [claims['client_id'] ?? claims['azp']])) &&
        (scope === undefined || matches(scope, scopes)) &&
        (aud === undefined || matches(aud, [claims['aud']].flat())),
    );
  }
}

function isSigned(raw: string): boolean {
  return raw.split('.', 4).length === 3;
}

function matches(patterns: readonly string[], values: readonly unknown[]): boolean {
  return patterns.some((pattern) =>
    values.some((value) => typeof value === 'string' && globMatches(pattern, value)),
  );
}

function denied(cause?: unknown): GatewayError {
  return new GatewayError(
    'rbac.forbidden',
    'Authentication Error, the token does not pass the check of this proxy.',
    {
      param: 'None',
      cause,
    },
  );
}

function notKnown(cause?: unknown): GatewayError {
  return new GatewayError(
    'auth.token_invalid',
    'Authentication Error, the token is not known to its issuer.',
    {
      param: 'None',
      cause,
    },
  );
}
