import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Clock } from '#libs/kernel';
import { Identities, JwtKeyMappings, JwtRegistration } from '#libs/tenancy';
import type { CredentialMethod } from '../credential-method.js';
import { CustomAuthMethod } from './custom-auth.method.js';
import { JwtCallers } from '../jwt/jwt-callers.js';
import { JwtKeys } from '../jwt/jwt-keys.js';
import { JwtMethod } from '../jwt/jwt.method.js';
import { OAuth2Method } from './oauth2.method.js';
import { ProxyHeadersMethod } from './proxy-headers.method.js';
import { SessionMethod } from '../session/session.method.js';
import { TokenCallers } from './token-callers.js';

/** The ways in that the configuration switches on, beside the master key and virtual keys. */
@Injectable()
export class SignInMethods {
  /** Asked before anything else. */
  readonly first: readonly CredentialMethod[];
  /** Asked after the master key and before virtual keys. */
  readonly others: readonly CredentialMethod[];
  readonly acceptsNothing: boolean;
  readonly #starting: readonly (() => Promise<void>)[];

  constructor(
    { signIn, network, roles }: Config,
    clock: Clock,
    callers: TokenCallers,
    identities: Identities,
    mappings: JwtKeyMappings,
    registration: JwtRegistration,
    sessions: SessionMethod,
  ) {
    const starting: (() => Promise<void>)[] = [];
    const first: CredentialMethod[] = [];
    // Ours, like keys: no identity provider is asked about them.
    const others: CredentialMethod[] = [sessions];
    if (signIn.custom) {
      const custom = new CustomAuthMethod(signIn.custom, roles, callers, identities);
      starting.push(() => custom.load());
      first.push(custom);
    }
    const oauth2 = signIn.oauth2 && new OAuth2Method(signIn.oauth2, roles, clock, callers, identities);
    if (signIn.jwt) {
      const meaning = new JwtCallers(signIn.jwt, roles, identities);
      const keys = new JwtKeys(signIn.jwt, mappings, registration, identities, meaning);
      const jwt = new JwtMethod(signIn.jwt, clock, callers, keys, oauth2);
      starting.push(() => jwt.load());
      others.push(jwt);
    }
    if (oauth2) others.push(oauth2);
    if (signIn.proxyHeaders)
      others.push(
        new ProxyHeadersMethod(signIn.proxyHeaders, network.trustedProxyRanges, clock, callers, identities),
      );
    this.first = first;
    this.others = others;
    this.acceptsNothing = first.length > 0 || signIn.proxyHeaders !== undefined;
    this.#starting = starting;
  }

  /** Loads modules of the operator's. Throws when one cannot be: a guard that is missing must not be passed by. */
  async start(): Promise<void> {
    for (const each of this.#starting) await each();
  }
}
