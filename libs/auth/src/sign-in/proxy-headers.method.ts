import { hash } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { ProxyHeaderField, ProxyHeaderSettings } from '#libs/config';
import { type Clock, GatewayError, parseUsd, type Principal } from '#libs/kernel';
import type { Identities } from '#libs/tenancy';
import type { CredentialFacts } from '../credential.js';
import { CredentialMethod, type Presented } from '../credential-method.js';
import { providerUnavailable } from '../jwt/identity-provider.js';
import { refusal } from '../refusal.js';
import { TrustedPeers } from '../session/trusted-peers.js';
import type { Resolution, TokenCallers } from './token-callers.js';

/** Google's Identity-Aware Proxy writes `accounts.google.com:` before its ids and addresses. */
const IAP_PREFIX = /^accounts\.google\.com:/;
const IAP_HEADER = 'x-goog-iap-jwt-assertion';
const IAP_KEYS = 'https://www.gstatic.com/iap/verify/public_key-jwk';
const IAP_ISSUER = 'https://cloud.google.com/iap';
const LONGEST_VALUE = 1_024;

type Headers = Partial<Record<ProxyHeaderField, string>>;

/**
 * Identity in headers that an authenticating proxy sets (contract/auth 4.2). Anybody can write a header, so they count only
 * when the connection itself comes from a trusted proxy, whatever `X-Forwarded-For` says. A request with a credential is
 * judged by that.
 */
export class ProxyHeadersMethod extends CredentialMethod {
  readonly name = 'proxy-headers';
  readonly #trusted: TrustedPeers;
  readonly #iapKeys = createRemoteJWKSet(new URL(IAP_KEYS));

  constructor(
    private readonly settings: ProxyHeaderSettings,
    trustedRanges: readonly string[],
    private readonly clock: Clock,
    private readonly callers: TokenCallers,
    private readonly identities: Identities,
  ) {
    super();
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
    if (iapAudience !== undefined)
      return this.#verifyIap(facts, iapAudience).then(() => this.#callerOf(sent));
    return this.#callerOf(sent);
  }

  #callerOf(sent: Headers): Principal | Promise<Principal> {
    return this.callers.find(`headers:${hash('sha256', JSON.stringify(sent))}`, () => this.#resolve(sent));
  }

  /** No rows are made. The role is the stored user's; the headers can only narrow what that user has. */
  async #resolve(sent: Headers): Promise<Resolution> {
    const user = await this.identities.findUser(sent.user_id, sent.user_email);
    const team =
      sent.team_id === undefined && sent.team_alias !== undefined
        ? await this.identities.findTeamByAlias(sent.team_alias)
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

  /** A header that is there twice says nothing: which of the two the proxy wrote cannot be told. */
  #read({ rawHeaders }: CredentialFacts): Headers {
    const sent: Headers = {};
    for (const [field, name] of Object.entries(this.settings.headers) as [ProxyHeaderField, string][]) {
      const value = onlyHeader(rawHeaders, name)?.replace(IAP_PREFIX, '').trim();
      if (value !== undefined && value !== '') sent[field] = value;
    }
    return sent;
  }

  async #verifyIap({ rawHeaders }: CredentialFacts, audience: string): Promise<void> {
    const assertion = onlyHeader(rawHeaders, IAP_HEADER);
    if (assertion === undefined) throw refusal('auth.token_invalid', `${IAP_HEADER} is missing.`);
    try {
      await jwtVerify(assertion, this.#iapKeys, {
        algorithms: ['ES256'],
        audience,
        issuer: IAP_ISSUER,
        currentDate: new Date(this.clock.nowMs()),
      });
    } catch (thrown) {
      const code = (thrown as { code?: string }).code ?? '';
      if (!code.startsWith('ERR_J'))
        throw providerUnavailable(IAP_KEYS, 'its keys could not be read', thrown);
      throw new GatewayError('auth.token_invalid', `Authentication Error, ${IAP_HEADER} is not valid.`, {
        param: 'None',
        cause: thrown,
      });
    }
  }
}

function onlyHeader(rawHeaders: readonly string[], wanted: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== wanted) continue;
    if (value !== undefined)
      throw new GatewayError('request.invalid', `The request carries ${wanted} more than once.`, {
        param: wanted,
      });
    value = rawHeaders[i + 1] ?? '';
  }
  if (value !== undefined && value.length > LONGEST_VALUE)
    throw new GatewayError('request.invalid', `The header ${wanted} is too long.`, { param: wanted });
  return value;
}

function dollars(text: string): bigint {
  if (!/^\d{1,9}(?:\.\d{1,9})?$/.test(text))
    throw refusal('auth.token_invalid', 'the budget header is not an amount in dollars.');
  return parseUsd(text);
}
