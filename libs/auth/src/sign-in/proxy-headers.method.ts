import { hash } from 'node:crypto';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  jwtVerify,
  type JWTPayload,
} from 'jose';
import { LRUCache } from 'lru-cache';
import type { ProxyHeaderField, ProxyHeaderSettings } from '#libs/config';
import { type Clock, GatewayError, parseUsd, type Principal } from '#libs/kernel';
import type { Identities } from '#libs/tenancy';
import type { CredentialFacts } from '../credential.js';
import { CredentialMethod, type Presented } from '../credential-method.js';
import { KeySet } from '../jwt/key-sets.js';
import { refusal } from '../refusal.js';
import { onlyHeader } from '../sent-headers.js';
import { TrustedPeers } from '../session/trusted-peers.js';
import type { Resolution, TokenCallers } from './token-callers.js';

/** Google's Identity-Aware Proxy writes `accounts.google.com:` before its ids and addresses. */
const IAP_PREFIX = /^accounts\.google\.com:/;
const IAP_HEADER = 'x-goog-iap-jwt-assertion';
const IAP_ISSUER = 'https://cloud.google.com/iap';
const IAP_TIMES = { ttlMs: 600_000, staleMs: 3_600_000 };
const LONGEST_VALUE = 1_024;
/** Of assertions, which are signed tokens. */
const LONGEST_ASSERTION = 8_192;
const MOST_ASSERTIONS = 10_000;

type Headers = Partial<Record<ProxyHeaderField, string>>;

interface Assertion {
  readonly payload: JWTPayload;
  readonly untilMs: number;
  /** Of the keys it was checked with. */
  readonly version: number;
}

/**
 * Identity in headers that an authenticating proxy sets (contract/auth 4.2). Anybody can write a header, so they count only
 * when the connection itself comes from a trusted proxy, whatever `X-Forwarded-For` says. A request with a credential is
 * judged by that.
 */
export class ProxyHeadersMethod extends CredentialMethod {
  readonly name = 'proxy-headers';
  readonly #trusted: TrustedPeers;
  readonly #iapKeys: KeySet;
  readonly #assertions = new LRUCache<string, Assertion>({ max: MOST_ASSERTIONS });

  constructor(
    private readonly settings: ProxyHeaderSettings,
    trustedRanges: readonly string[],
    private readonly clock: Clock,
    private readonly callers: TokenCallers,
    private readonly identities: Identities,
  ) {
    super();
    this.#iapKeys = new KeySet(settings.iapKeysUrl, IAP_TIMES, clock);
    this.#trusted = new TrustedPeers(trustedRanges);
  }

  accepts({ raw }: Presented): boolean {
    return raw === '';
  }

  authenticate({ facts }: Presented): Principal | Promise<Principal> {
    if (!this.#trusted.has(facts.socket?.remoteAddress))
      throw refusal('auth.credential_missing', 'No api key passed in.');
    const sent = this.#read(facts);
    if (sent.user_id === undefined && sent.user_email === undefined && sent.team_id === undefined)
      throw refusal('auth.credential_missing', 'No api key passed in, and no header says who is calling.');
    const { iapAudience } = this.settings;
    if (iapAudience === undefined) return this.#callerOf(sent);
    const text = boundedHeader(facts, IAP_HEADER, LONGEST_ASSERTION);
    if (text === undefined) throw refusal('auth.token_invalid', `${IAP_HEADER} is missing.`);
    const key = hash('sha256', text);
    const known = this.#assertions.get(key);
    if (known !== undefined && known.untilMs > this.clock.nowMs() && this.#iapKeys.vouchesFor(known.version))
      return this.#callerOf(matching(sent, known));
    return this.#verifyIap(text, iapAudience).then((fresh) => {
      this.#assertions.set(key, fresh);
      return this.#callerOf(matching(sent, fresh));
    });
  }

  #callerOf(sent: Headers): Principal | Promise<Principal> {
    return this.callers.find(`headers:${hash('sha256', JSON.stringify(sent))}`, () => this.#resolve(sent));
  }

  /** No rows are made. The role is the stored user's; the headers can only narrow what that user has. */
  async #resolve(sent: Headers): Promise<Resolution> {
    const user = await this.identities.findUser(sent.user_id, sent.user_email);
    const team =
      sent.team_id === undefined && sent.team_alias !== undefined
        ? await this.identities.teams.findByAlias(sent.team_alias)
        : null;
    const userId = user?.id ?? sent.user_id ?? sent.user_email ?? null;
    const models = sent.models
      ?.split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    return {
      callers: [
        {
          ids: { userId, teamId: sent.team_id ?? team?.id ?? null, organizationId: sent.org_id ?? null },
          claims: {
            credential: 'proxy_headers',
            displayName: userId ?? sent.team_id ?? 'proxy-headers',
            ...(models === undefined ? {} : { models }),
            ...(sent.max_budget === undefined ? {} : { capNanoUsd: dollars(sent.max_budget) }),
          },
        },
      ],
      rows: userId === null ? [] : [`user:${userId}`],
    };
  }

  /** Throws 400 for a header that is there twice: which of the two the proxy wrote cannot be told. */
  #read(facts: CredentialFacts): Headers {
    const sent: Headers = {};
    for (const [field, name] of Object.entries(this.settings.headers) as [ProxyHeaderField, string][]) {
      const value = withoutPrefix(boundedHeader(facts, name, LONGEST_VALUE) ?? '').trim();
      if (value !== '') sent[field] = value;
    }
    return sent;
  }

  async #verifyIap(text: string, audience: string): Promise<Assertion> {
    assertReadable(text);
    const keys = await this.#iapKeys.keys();
    try {
      return await this.#check(text, keys, audience);
    } catch (thrown) {
      const fresh = thrown instanceof errors.JWKSNoMatchingKey ? await this.#iapKeys.afterMiss() : undefined;
      if (fresh === undefined) throw notValid(thrown);
      return this.#check(text, fresh, audience).catch((again: unknown) => {
        throw notValid(again);
      });
    }
  }

  async #check(text: string, keys: JSONWebKeySet, audience: string): Promise<Assertion> {
    const { version } = this.#iapKeys;
    const { payload } = await jwtVerify(text, createLocalJWKSet(keys), {
      algorithms: ['ES256'],
      audience,
      issuer: IAP_ISSUER,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(this.clock.nowMs()),
    });
    return { payload, untilMs: (payload.exp ?? 0) * 1_000, version };
  }
}

/** Headers that name somebody else than the signature does are a forgery that came past the proxy. */
function matching(sent: Headers, { payload }: Assertion): Headers {
  const email = typeof payload['email'] === 'string' ? withoutPrefix(payload['email']) : undefined;
  const subject = withoutPrefix(payload.sub ?? '');
  const isOneOf = (value: string | undefined): boolean =>
    value === undefined || value === subject || value.toLowerCase() === email?.toLowerCase();
  if (isOneOf(sent.user_id) && isOneOf(sent.user_email)) return sent;
  throw refusal('auth.token_invalid', `the headers name somebody else than ${IAP_HEADER}.`);
}

/** What is no assertion at all is refused without asking anybody. */
function assertReadable(text: string): void {
  try {
    if (decodeProtectedHeader(text).alg === 'ES256' && decodeJwt(text).iss === IAP_ISSUER) return;
  } catch (cause) {
    throw notValid(cause);
  }
  throw notValid(undefined);
}

function withoutPrefix(value: string): string {
  return value.replace(IAP_PREFIX, '');
}

function notValid(cause: unknown): GatewayError {
  return new GatewayError('auth.token_invalid', `Authentication Error, ${IAP_HEADER} is not valid.`, {
    param: 'None',
    cause,
  });
}

function boundedHeader(facts: CredentialFacts, wanted: string, longest: number): string | undefined {
  const value = onlyHeader(facts, wanted);
  if (value !== undefined && value.length > longest)
    throw new GatewayError('request.invalid', `The header ${wanted} is too long.`, { param: wanted });
  return value;
}

function dollars(text: string): bigint {
  if (!/^\d{1,9}(?:\.\d{1,9})?$/.test(text))
    throw refusal('auth.token_invalid', 'the budget header is not an amount in dollars.');
  return parseUsd(text);
}
