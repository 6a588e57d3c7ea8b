import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Config, USER_ROLE_NAMES, isRoleName } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { z } from 'zod';
import type { CredentialFacts } from '../credential.js';
import { refusal } from '../refusal.js';
import { TrustedPeers } from '../session/trusted-peers.js';
import { loadFunction } from '../sign-in/operator-module.js';
import { normalEmail } from './allowed-email.js';
import type { ExternalIdentity } from './external-identity.js';

/** Reads who somebody is from the headers of an authenticating proxy. Null: nobody. */
export type HeaderSignInFunction = (request: {
  /** Name, lower-case, to value; of a repeated header nothing. */
  readonly headers: Readonly<Record<string, string>>;
  readonly peer: string | undefined;
}) => unknown;

const text = z
  .string()
  .min(1)
  .max(1_024)
  .nullish()
  .transform((value) => value ?? undefined);

/** LiteLLM's OpenID object. */
const openId = z.object({
  id: z.string().min(1).max(1_024),
  email: text,
  first_name: text,
  last_name: text,
  display_name: text,
  user_role: z
    .union([z.enum(USER_ROLE_NAMES), z.string().refine(isRoleName)])
    .nullish()
    .transform((value) => value ?? undefined),
  team_ids: z.array(z.string()).nullish(),
});

/** `custom_ui_sso_sign_in_handler`: sign-in behind a proxy that has done it already. Its headers count from trusted proxies only. */
@Injectable()
export class HeaderIdentity implements OnModuleInit {
  readonly #trusted: TrustedPeers;
  #read: HeaderSignInFunction | undefined;

  constructor(private readonly config: Config) {
    this.#trusted = new TrustedPeers(config.network.trustedProxyRanges);
  }

  get isConfigured(): boolean {
    return this.config.signIn.sso.headerHandler !== undefined;
  }

  /** Throws, and nothing starts, when the function cannot be loaded. */
  async onModuleInit(): Promise<void> {
    const { headerHandler } = this.config.signIn.sso;
    if (headerHandler) this.#read = await loadFunction<HeaderSignInFunction>(headerHandler);
  }

  /** Throws 401 when the connection is no trusted proxy's, and when the function says nobody, throws, or answers in another shape. */
  async identityOf(facts: CredentialFacts): Promise<ExternalIdentity> {
    if (!this.#read) throw new Error('custom_ui_sso_sign_in_handler was asked before it was loaded');
    const peer = facts.socket?.remoteAddress;
    if (!this.#trusted.has(peer))
      throw refusal('auth.token_invalid', 'sign-in is only served behind the proxy that knows you.');
    let answer: unknown;
    try {
      answer = await this.#read({ headers: headersOf(facts.rawHeaders), peer });
    } catch (cause) {
      throw new GatewayError('auth.token_invalid', 'Authentication Error, the sign-in was refused.', {
        param: 'None',
        cause,
      });
    }
    if (answer === null || answer === undefined)
      throw refusal('auth.token_invalid', 'the proxy in front does not say who you are.');
    const parsed = openId.safeParse(answer, { reportInput: false });
    if (!parsed.success)
      throw refusal('auth.token_invalid', 'custom_ui_sso_sign_in_handler did not answer with a person.');
    return identityOf(parsed.data);
  }
}

function identityOf(said: z.output<typeof openId>): ExternalIdentity {
  const email = said.email === undefined ? undefined : normalEmail(said.email);
  if (said.email !== undefined && email === undefined)
    throw refusal('auth.credential_malformed', 'the e-mail address is not one.', 'user_email');
  return {
    provider: 'proxy',
    issuer: 'custom_ui_sso_sign_in_handler',
    subject: said.id,
    id: said.id,
    email,
    displayName: said.display_name,
    firstName: said.first_name,
    lastName: said.last_name,
    role: said.user_role,
    otherRoles: [],
    teams: said.team_ids?.map((id) => ({ id, isMade: false })),
    groups: said.team_ids ?? [],
    claims: said,
  };
}

/** A header that is there twice says nothing: which of the two the proxy wrote cannot be told. */
function headersOf(rawHeaders: readonly string[]): Record<string, string> {
  const headers = Object.create(null) as Record<string, string>;
  const repeated = new Set<string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (Object.hasOwn(headers, name)) repeated.add(name);
    headers[name] = rawHeaders[i + 1] ?? '';
  }
  for (const name of repeated) delete headers[name];
  return headers;
}
