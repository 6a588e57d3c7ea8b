import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  jwtVerify,
  type JWTPayload,
} from 'jose';
import type { JwtOptions, JwtSettings } from '#libs/config';
import { type Clock, GatewayError } from '#libs/kernel';
import { refusal } from '../refusal.js';
import type { Claims } from './claims.js';
import { KeySet } from './key-sets.js';

/** Asymmetric only: with a shared secret, whoever can verify can also sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

export type IssuerOptions = NonNullable<JwtOptions['issuers']>[number];

export interface VerifiedToken {
  readonly claims: Claims;
  /** Its own `exp`; without one, when it is looked at again. */
  readonly expiresAtMs: number;
  /** The entry of `issuers` that it was verified against. */
  readonly issuer: IssuerOptions | undefined;
  /** False once the keys it was verified with have changed. */
  isCurrent(): boolean;
}

interface Expectation {
  readonly sets: readonly KeySet[];
  readonly issuer: string | undefined;
  readonly audiences: readonly string[];
  readonly options: IssuerOptions | undefined;
}

interface Checked {
  readonly payload: JWTPayload;
  readonly set: KeySet;
  /** Of the keys it was checked with. */
  readonly version: number;
}

/** A token without an end is asked about again this often. */
const WITHOUT_END_MS = 300_000;

/** Signature, times, issuer and audience of a token (contract/auth 3.1, 3.2; RFC 7519, RFC 8725). */
export class TokenVerifier {
  readonly #sets = new Map<string, KeySet>();
  readonly #choosers = new WeakMap<JSONWebKeySet, ReturnType<typeof createLocalJWKSet>>();
  readonly #global: Expectation;
  readonly #issuers: ReadonlyMap<string, Expectation>;

  constructor(
    private readonly settings: JwtSettings,
    private readonly clock: Clock,
  ) {
    const { keyUrls, issuer, audiences, options } = settings;
    this.#global = { sets: keyUrls.map((url) => this.#setOf(url)), issuer, audiences, options: undefined };
    this.#issuers = new Map(
      (options.issuers ?? []).map((one): [string, Expectation] => [
        one.issuer,
        {
          sets: [
            this.#setOf(one.jwks_url ?? `${one.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
          ],
          issuer: one.issuer,
          audiences: one.audience ?? [],
          options: one,
        },
      ]),
    );
  }

  /** Throws 401 for a token that is not good, 503 when nobody can tell. */
  async verify(token: string): Promise<VerifiedToken> {
    const expected = this.#expectationOf(token);
    if (expected.sets.length === 0)
      throw refusal(
        'auth.credential_malformed',
        'no public keys are configured for tokens (JWT_PUBLIC_KEY_URL).',
      );
    const silent: unknown[] = [];
    const found =
      (await this.#among(token, expected, (one) => one.keys(), silent)) ??
      (await this.#among(token, expected, (one) => one.afterMiss(), silent));
    if (found === undefined) {
      // A key nobody knows yet while a provider is away: nobody can say that the token is wrong.
      if (silent.length > 0) throw silent[0];
      throw notValid('it is signed with a key that its issuer does not publish');
    }
    const { payload, set, version } = found;
    return {
      claims: withoutInternal(payload),
      expiresAtMs:
        payload.exp === undefined
          ? this.clock.nowMs() + WITHOUT_END_MS
          : payload.exp * 1_000 + this.settings.leewayMs,
      issuer: expected.options,
      isCurrent: () => set.vouchesFor(version),
    };
  }

  /** The unverified issuer only chooses whose keys and rules the token is judged by. */
  #expectationOf(token: string): Expectation {
    try {
      decodeProtectedHeader(token);
      const { iss } = decodeJwt(token);
      return (typeof iss === 'string' ? this.#issuers.get(iss) : undefined) ?? this.#global;
    } catch (cause) {
      throw notValid('it cannot be read', cause);
    }
  }

  /** The payload and the first set that has the token's key; undefined: none has. Whoever does not answer is added to `silent`. */
  async #among(
    token: string,
    expected: Expectation,
    keysOf: (set: KeySet) => Promise<JSONWebKeySet | undefined>,
    silent: unknown[],
  ): Promise<Checked | undefined> {
    for (const set of expected.sets) {
      let keys: JSONWebKeySet | undefined;
      try {
        keys = await keysOf(set);
      } catch (thrown) {
        silent.push(thrown);
      }
      if (keys === undefined) continue;
      const { version } = set;
      try {
        return { payload: await this.#check(token, keys, expected), set, version };
      } catch (thrown) {
        if (!(thrown instanceof errors.JWKSNoMatchingKey)) throw thrown;
      }
    }
    return undefined;
  }

  async #check(token: string, keys: JSONWebKeySet, { issuer, audiences }: Expectation): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, this.#chooserOf(keys), {
        algorithms: ALGORITHMS,
        clockTolerance: this.settings.leewayMs / 1_000,
        currentDate: new Date(this.clock.nowMs()),
        ...(issuer === undefined ? {} : { issuer }),
        ...(audiences.length === 0 ? {} : { audience: [...audiences] }),
      });
      if (
        typeof payload.iat === 'number' &&
        payload.iat * 1_000 > this.clock.nowMs() + this.settings.leewayMs + CLOCK_SKEW_MS
      )
        throw notValid('it was issued in the future');
      return payload;
    } catch (thrown) {
      if (thrown instanceof errors.JWKSNoMatchingKey || thrown instanceof GatewayError) throw thrown;
      if (thrown instanceof errors.JWTExpired)
        throw new GatewayError('auth.key_expired', 'Authentication Error, Token Expired', { cause: thrown });
      if (thrown instanceof errors.JWTClaimValidationFailed)
        throw notValid(`the claim ${thrown.claim} is not what is expected here`, thrown);
      if (thrown instanceof errors.JWKSMultipleMatchingKeys)
        throw notValid('its issuer publishes more than one key that could be meant', thrown);
      throw notValid('the signature or the form is not right', thrown);
    }
  }

  /** Keys are imported once, not for each token. */
  #chooserOf(keys: JSONWebKeySet): ReturnType<typeof createLocalJWKSet> {
    let chooser = this.#choosers.get(keys);
    if (!chooser) this.#choosers.set(keys, (chooser = createLocalJWKSet(keys)));
    return chooser;
  }

  #setOf(url: string): KeySet {
    let set = this.#sets.get(url);
    if (!set) {
      const { public_key_ttl: ttlMs = 600_000, public_key_stale_ttl: staleMs = 3_600_000 } =
        this.settings.options;
      this.#sets.set(url, (set = new KeySet(url, { ttlMs, staleMs }, this.clock)));
    }
    return set;
  }
}

/** The provider's clock may be a moment ahead of ours. */
const CLOCK_SKEW_MS = 5_000;

/** Names that only this product may set. */
function withoutInternal(payload: JWTPayload): Claims {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !name.startsWith('_litellm_')));
}

function notValid(why: string, cause?: unknown): GatewayError {
  return new GatewayError('auth.token_invalid', `Authentication Error, Validation fails: ${why}.`, {
    param: 'None',
    cause,
  });
}
