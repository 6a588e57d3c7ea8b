import { HttpCode, Req, Res } from '@nestjs/common';
import { addCookie, BrowserSessions, SessionCookie } from '#libs/auth';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, Sessions } from '#libs/tenancy';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AdminController, By } from '../http/decorators.js';
import { sendPage } from '../http/html.js';
import { notePage, signOutPage } from './pages.js';
import { formOf, SignInRequests } from './sign-in-requests.js';

/** Looking at one's own session, and ending it. */
@AdminController()
export class SessionController {
  constructor(
    private readonly sessions: Sessions,
    private readonly pages: BrowserSessions,
    private readonly cookie: SessionCookie,
    private readonly requests: SignInRequests,
  ) {}

  /** For pages with scripts: who they work for, and the token that changes have to carry. Scripts of other origins cannot read it. */
  @Handles('GET /session/info')
  @Answers(
    'Shows the session of the caller',
    z.looseObject({ user_id: z.string(), user_role: z.string(), expires_at: z.string().nullable() }),
  )
  async info(
    @Caller() caller: Principal,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    sessionOf(caller);
    response.setHeader('cache-control', 'no-store');
    const signedIn = await this.pages.find(request);
    return {
      user_id: caller.user?.id ?? caller.displayName,
      user_email: caller.user?.email ?? null,
      user_role: caller.role,
      team_id: caller.team?.id ?? null,
      login_method: caller.metadata['signed_in_by'] ?? null,
      password_reset_required: caller.credentialRoutes !== undefined,
      expires_at: caller.expiresAtMs === undefined ? null : new Date(caller.expiresAtMs).toISOString(),
      // A browser's; a command line has nothing to forge.
      csrf_token: signedIn?.csrfToken ?? null,
    };
  }

  /** Ends the caller's own session; every other credential is refused, because nothing would end. */
  @Handles('POST /session/logout')
  @Answers('Signs out', z.object({ message: z.string() }))
  @HttpCode(200)
  async logout(
    @By() author: Author,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    await this.sessions.end(author, sessionOf(author.principal));
    addCookie(response, this.cookie.clear(request));
    return { message: 'Signed out.' };
  }

  /** A link cannot sign anybody out: it shows a button. */
  @Handles('GET /logout')
  @Answers('Asks whether to sign out', null, { mediaType: 'text/html' })
  async confirm(@Req() request: Request, @Res() response: Response): Promise<void> {
    const signedIn = await this.pages.find(request);
    if (signedIn === undefined) sendPage(response, this.#signedOut());
    else
      sendPage(response, {
        ...signOutPage(this.requests.path('/logout'), signedIn.csrfToken),
        formTargets: this.requests.logoutTargets,
      });
  }

  @Handles('POST /logout')
  @HttpCode(200)
  @Answers('Signs out with a form', null, { mediaType: 'text/html' })
  async logoutForm(@Req() request: Request, @Res() response: Response): Promise<void> {
    const signedIn = await this.pages.find(request);
    if (signedIn !== undefined) {
      this.pages.assertForm(request, formOf(request)['csrf_token']);
      const { ip, requestId } = this.requests.placeOf(request, response);
      await this.sessions.end({ principal: signedIn.principal, ip, requestId }, signedIn.sessionId);
    }
    addCookie(response, this.cookie.clear(request));
    const { logoutUrl } = this.requests;
    if (logoutUrl === undefined) sendPage(response, this.#signedOut());
    else response.redirect(303, logoutUrl);
  }

  #signedOut() {
    return notePage({
      title: 'Signed out',
      text: 'You are signed out.',
      link: { to: this.requests.path('/sso/key/generate'), text: 'Sign in' },
    });
  }
}

function sessionOf({ credential, metadata }: Principal): string {
  if (credential !== 'session')
    throw new GatewayError(
      'rbac.forbidden',
      'Only a session can be shown and ended here; this is another credential.',
      {
        param: 'None',
      },
    );
  return String(metadata['session_id']);
}
