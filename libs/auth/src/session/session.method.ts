import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import type { Session } from '#libs/database';
import { Clock, GatewayError, type Principal } from '#libs/kernel';
import { CLI_TOKEN_PREFIX, Sessions } from '#libs/tenancy';
import type { CredentialFacts } from '../credential.js';
import { CredentialMethod, type Presented } from '../credential-method.js';
import { unavailable } from '../key-lookups.js';
import { refusal } from '../refusal.js';
import { type Resolution, TokenCallers } from '../sign-in/token-callers.js';
import { environmentProof } from './environment-admin.js';
import { OwnOrigin } from './own-origin.js';
import { isCsrfToken } from './session-cookie.js';
import { headersOf } from '../sent-headers.js';

/** What somebody may do who has to choose a new password first. */
const WHILE_PASSWORD_IS_DUE = ['/user/password/change', '/session/logout', '/session/info'];
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const CSRF_HEADER = 'x-csrf-token';

/**
 * People who have signed in: the browser's cookie, or the command line's bearer. The caller is the stored user's, with all its
 * limits and blocks; a session adds nothing to it. A session that was ended is refused by every replica from then on.
 */
@Injectable()
export class SessionMethod extends CredentialMethod {
  readonly name = 'session';

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly callers: TokenCallers,
    private readonly sessions: Sessions,
    private readonly origin: OwnOrigin,
  ) {
    super();
  }

  accepts({ raw, cookie }: Presented): boolean {
    return cookie !== undefined || raw.startsWith(CLI_TOKEN_PREFIX);
  }

  authenticate({ raw, hash: digest, cookie, facts }: Presented): Principal | Promise<Principal> {
    if (cookie === undefined) return this.#find('cli', raw, digest);
    this.#assertNotForged(cookie, facts);
    return this.callerOf(cookie);
  }

  /** The caller of a browser's session, wherever the request came from: for pages that only show. Throws as `authenticate`. */
  callerOf(cookie: string): Principal | Promise<Principal> {
    return this.#find('browser', cookie, hash('sha256', cookie));
  }

  #find(kind: Session['kind'], token: string, digest: string): Principal | Promise<Principal> {
    const found = this.callers.find(`${kind}:${digest}`, () => this.#resolve(token, kind));
    return found instanceof Promise ? found.then((one) => this.#unlessOver(one)) : this.#unlessOver(found);
  }

  /** Browsers send cookies along with whatever any page asks for; only pages of ours can say so, and know the token. */
  #assertNotForged(cookie: string, facts: CredentialFacts): void {
    const isOurs = this.origin.isOurs(facts);
    if (SAFE_METHODS.has(facts.method ?? '')) {
      if (isOurs === false) throw crossSite('A page of another site cannot use your session.');
      return;
    }
    if (isOurs !== true)
      throw crossSite(
        'The request does not come from a page of this proxy. Behind a proxy that changes the host, set PROXY_BASE_URL.',
      );
    const sent = headersOf(facts, CSRF_HEADER);
    if (sent.length !== 1 || !isCsrfToken(sent[0], cookie))
      throw crossSite(`Send the session's token in ${CSRF_HEADER}; GET /session/info has it.`);
    // A form of another site can send text, never this type; with a cookie nothing else is taken for JSON.
    if (
      hasBody(facts) &&
      !/^application\/(?:[\w.+-]+\+)?json\b/i.test(headersOf(facts, 'content-type')[0] ?? '')
    )
      throw new GatewayError('request.unprocessable', 'Send the body as application/json.', {
        param: 'content-type',
      });
  }

  async #resolve(token: string, kind: Session['kind']): Promise<Resolution> {
    const session = await this.#read(token);
    if (session === null || session.kind !== kind) throw over();
    const isEnvironment = session.method === 'environment';
    if (isEnvironment && session.proof !== environmentProof(this.config)) throw over();
    return {
      callers: [
        {
          ids: { userId: session.userId, teamId: session.teamId },
          claims: {
            credential: 'session',
            displayName: session.userId,
            ...(isEnvironment ? { role: 'proxy_admin' } : {}),
            ...(session.mustChangePassword ? { routes: [WHILE_PASSWORD_IS_DUE] } : {}),
            expiresAtMs: session.expiresAt.getTime(),
            metadata: { session_id: session.id, signed_in_by: session.method },
          },
        },
      ],
      rows: [`session:${session.id}`, `user:${session.userId}`],
    };
  }

  async #read(token: string): Promise<Session | null> {
    try {
      const session = await this.sessions.find(token);
      if (session !== null)
        await this.sessions.touch(
          session,
          session.kind === 'cli' ? Number.POSITIVE_INFINITY : this.config.signIn.browser.sessionIdleMs,
        );
      return session;
    } catch (thrown) {
      throw thrown instanceof GatewayError ? thrown : unavailable('reading a session failed', thrown);
    }
  }

  #unlessOver(principal: Principal): Principal {
    if (principal.expiresAtMs !== undefined && principal.expiresAtMs <= this.clock.nowMs()) throw over();
    return principal;
  }
}

function hasBody(facts: CredentialFacts): boolean {
  return (
    headersOf(facts, 'transfer-encoding').length > 0 || Number(headersOf(facts, 'content-length')[0] ?? 0) > 0
  );
}

/** One answer, whether it never was, was ended, or ran out. */
function over(): GatewayError {
  return refusal('auth.session_over', 'your session is over: sign in again.', 'session');
}

export function crossSite(message: string): GatewayError {
  return new GatewayError('auth.cross_site', message, { param: 'None' });
}
