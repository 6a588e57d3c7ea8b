import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import type { Session } from '#libs/database';
import { Sessions, signingIn } from '#libs/tenancy';
import type { CredentialFacts } from '../credential.js';
import { environmentProof } from './environment-admin.js';
import { checkedReturnTo } from './return-to.js';
import { csrfTokenOf, SessionCookie } from './session-cookie.js';

/** Who has proved who it is, and how. */
export interface ProvenIdentity {
  /** The stored user: found or provisioned, not blocked. */
  readonly userId: string;
  /** What the audit trail and the session call the way: `password`, `google`, `microsoft`, `oidc`, `saml`, `custom-sso`. */
  readonly method: string;
  /** For people who look at their sessions, such as the provider's subject. Never a secret or a token. */
  readonly provenance?: Readonly<Record<string, unknown>>;
  /** The session is good for choosing a new password, and nothing else. */
  readonly mustChangePassword?: boolean;
}

/** From where; for the audit trail. */
export interface SignInPlace {
  readonly ip: string | null;
  readonly requestId: string | null;
}

export interface SignedInBrowser {
  readonly session: Session;
  /** The header to answer with; the only place where the token is. */
  readonly setCookie: string;
  /** Where to send the browser with `303`, already checked: a path with `SERVER_ROOT_PATH`, or the operator's control plane. */
  readonly location: string;
  /** What pages send along with whatever changes something. */
  readonly csrfToken: string;
}

/** What Express and Node's own responses have in common. */
interface Answer {
  setHeader(name: string, value: string | readonly string[]): unknown;
  getHeader(name: string): number | string | readonly string[] | undefined;
  writeHead(status: number): { end(): unknown };
}

/**
 * The end of every way to sign in with a browser: password, OpenID Connect, SAML, a handler of the operator's. Whoever has found
 * out who somebody is calls `complete` (or `begin`, to answer in another way) and is done.
 */
@Injectable()
export class BrowserSignIn {
  constructor(
    private readonly sessions: Sessions,
    private readonly cookie: SessionCookie,
    private readonly config: Config,
  ) {}

  /**
   * Makes a session for somebody who has proved who it is, with an audit row of the sign-in. Its token is new: a session that
   * the browser already held, whoever put it there, is ended on every replica and never taken over (session fixation).
   * `returnTo` is checked here: 400 for anything but a path of this proxy or an address of `control_plane_url`; absent: `/ui/`.
   * Throws 503 while the store is away, with nothing set.
   */
  async begin(
    request: CredentialFacts,
    who: ProvenIdentity,
    place: SignInPlace,
    returnTo?: string,
  ): Promise<SignedInBrowser> {
    const { browser } = this.config.signIn;
    const location =
      returnTo === undefined
        ? `${this.config.server.rootPath}/ui/`
        : checkedReturnTo(returnTo, browser.controlPlaneUrl);
    const author = signingIn(who.userId, place.ip, place.requestId);
    const before = this.cookie.read(request);
    const held = before === undefined ? null : await this.sessions.find(before);
    if (held !== null) await this.sessions.end(author, held.id);
    const { session, token } = await this.sessions.create(author, {
      kind: 'browser',
      userId: who.userId,
      method: who.method,
      ...(who.method === ENVIRONMENT ? { proof: environmentProof(this.config) } : {}),
      mustChangePassword: who.mustChangePassword,
      provenance: who.provenance,
      livesMs: browser.sessionMs,
      idleMs: browser.sessionIdleMs,
    });
    return {
      session,
      setCookie: this.cookie.issue(token, request, browser.sessionMs),
      location,
      csrfToken: csrfTokenOf(token),
    };
  }

  /** `begin`, and the answer: `303` with the cookie. Cookies that were set before stay. */
  async complete(
    request: CredentialFacts,
    response: Answer,
    who: ProvenIdentity,
    place: SignInPlace,
    returnTo?: string,
  ): Promise<void> {
    const { setCookie, location } = await this.begin(request, who, place, returnTo);
    addCookie(response, setCookie);
    response.setHeader('cache-control', 'no-store');
    response.setHeader('location', location);
    response.writeHead(303).end();
  }
}

/** The method of the administrator of the environment (`UI_USERNAME`); reserved for it. */
export const ENVIRONMENT = 'environment';

/** Adds a cookie to those an answer already sets. */
export function addCookie(response: Answer, setCookie: string): void {
  const present = response.getHeader('set-cookie');
  const list = present === undefined ? [] : Array.isArray(present) ? present : [String(present)];
  response.setHeader('set-cookie', [...(list as string[]), setCookie]);
}
