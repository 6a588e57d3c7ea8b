import { hash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import type { CredentialFacts } from '../credential.js';
import { cookieOf } from './cookies.js';
import { OwnOrigin } from './own-origin.js';

const NAME = 'tollgate_session';
/** Browsers take a cookie of this name only from this very host and over TLS: a neighbour's sub-domain cannot plant one. */
const SECURE_NAME = `__Host-${NAME}`;
/** 256 bits in base64url. */
const FORM = /^[\w-]{43}$/;

/** The cookie that carries a session: what it looks like, and how it is found in a request. */
@Injectable()
export class SessionCookie {
  readonly #path: string;

  constructor(
    private readonly origin: OwnOrigin,
    config: Config,
  ) {
    this.#path = config.server.rootPath === '' ? '/' : config.server.rootPath;
  }

  /** The session a request's cookie names; undefined when it has none. Throws 400 when it names two: which counts would depend on who reads them. */
  read(facts: CredentialFacts): string | undefined {
    const isSecure = this.origin.isSecure(facts);
    const found = cookieOf(facts, isSecure ? SECURE_NAME : NAME);
    return found !== undefined && FORM.test(found) ? found : undefined;
  }

  /** A `Set-Cookie` value: scripts cannot read it, other sites' forms do not send it, and on TLS nothing else carries it. */
  issue(token: string, facts: CredentialFacts, livesMs: number): string {
    return this.#written(token, facts, Math.floor(livesMs / 1_000));
  }

  /** A `Set-Cookie` value that makes the browser forget it. */
  clear(facts: CredentialFacts): string {
    return this.#written('', facts, 0);
  }

  #written(value: string, facts: CredentialFacts, maxAge: number): string {
    return this.origin.isSecure(facts)
      ? `${SECURE_NAME}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=Lax`
      : `${NAME}=${value}; Path=${this.#path}; Max-Age=${maxAge}; HttpOnly; SameSite=Lax`;
  }
}

/** What a page of ours sends along with whatever changes something: made from the session, so there is nothing to store and nothing to plant. */
export function csrfTokenOf(sessionToken: string): string {
  return hash('sha256', `csrf of ${sessionToken}`, 'base64url');
}

/** In constant time, so that it cannot be found letter by letter. */
export function isCsrfToken(sent: string | undefined, sessionToken: string): boolean {
  const wanted = Buffer.from(csrfTokenOf(sessionToken));
  const given = Buffer.from(sent ?? '');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
