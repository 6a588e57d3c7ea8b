import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import type { CredentialFacts } from '../credential.js';
import { OwnOrigin } from '../session/own-origin.js';
import { headersOf } from '../session/trusted-peers.js';
import { FLOW_MS } from '../sso/sign-in-flows.js';

const NAME = 'tollgate_saml';
/** A neighbour's sub-domain cannot plant one, and with it a sign-in of its own. */
const SECURE_NAME = `__Host-${NAME}`;

/**
 * The cookie that ties a SAML sign-in to the browser that began it. The provider's answer is a post from another site, which brings
 * no other cookie along than one that says `SameSite=None`; browsers take that over TLS only.
 */
@Injectable()
export class SamlCookie {
  readonly #path: string;

  constructor(
    private readonly origin: OwnOrigin,
    config: Config,
  ) {
    this.#path = `${config.server.rootPath}/sso/saml`;
  }

  /** Throws 400 when the request carries two: which counts would depend on who reads them. */
  read(facts: CredentialFacts): string | undefined {
    const wanted = this.origin.isSecure(facts) ? SECURE_NAME : NAME;
    const found = headersOf(facts, 'cookie')
      .flatMap((header) => header.split(';'))
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${wanted}=`));
    if (found.length > 1)
      throw new GatewayError('request.invalid', `The request carries the cookie ${wanted} more than once.`);
    return found[0]?.slice(wanted.length + 1);
  }

  /** A `Set-Cookie` value. */
  issue(secret: string, facts: CredentialFacts): string {
    return this.#written(secret, facts, FLOW_MS / 1_000);
  }

  clear(facts: CredentialFacts): string {
    return this.#written('', facts, 0);
  }

  #written(value: string, facts: CredentialFacts, maxAge: number): string {
    return this.origin.isSecure(facts)
      ? `${SECURE_NAME}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=None`
      : `${NAME}=${value}; Path=${this.#path}; Max-Age=${maxAge}; HttpOnly; SameSite=Lax`;
  }
}
