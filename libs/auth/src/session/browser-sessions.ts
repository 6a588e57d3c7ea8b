import { Injectable } from '@nestjs/common';
import { GatewayError, type Principal } from '#libs/kernel';
import type { CredentialFacts } from '../credential.js';
import { OwnOrigin } from './own-origin.js';
import { csrfTokenOf, isCsrfToken, SessionCookie } from './session-cookie.js';
import { crossSite, SessionMethod } from './session.method.js';

/** Somebody who is signed in, as pages see it. */
export interface SignedIn {
  readonly principal: Principal;
  readonly sessionId: string;
  /** What forms of the page send along as `csrf_token`. */
  readonly csrfToken: string;
}

/**
 * For pages and forms of our own, which anybody may open: who is signed in, if anybody is. Requests to the API are judged by
 * `SessionMethod` instead. A page that only shows may be opened from another site's link; a form that changes something checks `assertForm`.
 */
@Injectable()
export class BrowserSessions {
  constructor(
    private readonly cookie: SessionCookie,
    private readonly method: SessionMethod,
    private readonly origin: OwnOrigin,
  ) {}

  /** Undefined when nobody is signed in, or may not be any more. Throws 503 when nobody can tell. */
  async find(facts: CredentialFacts): Promise<SignedIn | undefined> {
    const token = this.cookie.read(facts);
    if (token === undefined) return undefined;
    try {
      const principal = await this.method.callerOf(token);
      return {
        principal,
        sessionId: String(principal.metadata['session_id']),
        csrfToken: csrfTokenOf(token),
      };
    } catch (thrown) {
      if (thrown instanceof GatewayError && thrown.status === 401) return undefined;
      throw thrown;
    }
  }

  /** Throws 403 unless a page of ours sent this form, with this session's own token. */
  assertForm(facts: CredentialFacts, csrfToken: string | undefined): void {
    const token = this.cookie.read(facts);
    if (token === undefined || this.origin.isOurs(facts) !== true || !isCsrfToken(csrfToken, token))
      throw crossSite('This form was not sent by a page of your session. Open the page again.');
  }

  /** Throws 403 when a page of another site makes somebody's browser sign in: into an account of its choice. Programs may. */
  assertNotForeign(facts: CredentialFacts): void {
    if (this.origin.isOurs(facts) === false)
      throw crossSite(
        'A page of another site cannot sign you in. Behind a proxy that changes the host, set PROXY_BASE_URL.',
      );
  }
}
