import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import type { CredentialFacts } from '../credential.js';
import { cookieOf } from '../session/cookies.js';
import { OwnOrigin } from '../session/own-origin.js';
import { FLOW_MS } from './sign-in-flows.js';

const NAME = 'tollgate_sign_in';
/** As for sessions: a neighbour's sub-domain cannot plant one, and with it a sign-in of its own. */
const SECURE_NAME = `__Host-${NAME}`;

/** The cookie that ties a sign-in under way to the browser that began it. */
@Injectable()
export class FlowCookie {
  readonly #path: string;

  constructor(
    private readonly origin: OwnOrigin,
    config: Config,
  ) {
    this.#path = `${config.server.rootPath}/sso`;
  }

  /** Throws 400 when the request carries two. */
  read(facts: CredentialFacts): string | undefined {
    return cookieOf(facts, this.origin.isSecure(facts) ? SECURE_NAME : NAME);
  }

  /** A `Set-Cookie` value. `crossSite`: the provider posts its answer (SAML), which brings no other cookie along. */
  issue(secret: string, facts: CredentialFacts, { crossSite = false } = {}): string {
    return this.#written(secret, facts, FLOW_MS / 1_000, crossSite);
  }

  clear(facts: CredentialFacts): string {
    return this.#written('', facts, 0, false);
  }

  #written(value: string, facts: CredentialFacts, maxAge: number, crossSite: boolean): string {
    // Browsers take `None` over TLS only.
    return this.origin.isSecure(facts)
      ? `${SECURE_NAME}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=${crossSite ? 'None' : 'Lax'}`
      : `${NAME}=${value}; Path=${this.#path}; Max-Age=${maxAge}; HttpOnly; SameSite=Lax`;
  }
}
