import { HttpCode, Req, Res } from '@nestjs/common';
import { addCookie, BrowserSessions, BrowserSignIn, PasswordSignIn, type SignedInBrowser } from '#libs/auth';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, Identities, UserPasswords } from '#libs/tenancy';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import type { BodyDefinition } from '../http/request-body.js';
import { sendPage } from '../http/html.js';
import { passwordPage } from './pages.js';
import { formOf, sentenceOf, SignInRequests } from './sign-in-requests.js';

const passwordBody = {
  schema: z.object({
    current_password: z.string().min(1).max(4_096),
    new_password: z.string().min(1).max(4_096),
  }),
  strict: true,
} satisfies BodyDefinition;

interface Passwords {
  readonly current: string;
  readonly wanted: string;
}

/** People change their own password: by API, or with a form. All their sessions end; the browser that asked gets a new one. */
@AdminController()
export class PasswordChangeController {
  constructor(
    private readonly sessions: BrowserSessions,
    private readonly browser: BrowserSignIn,
    private readonly requests: SignInRequests,
    private readonly identities: Identities,
    private readonly signIn: PasswordSignIn,
    private readonly passwords: UserPasswords,
  ) {}

  @Handles('POST /user/password/change')
  @Answers(
    'Changes the password of the caller; its sessions end',
    z.looseObject({ user_id: z.string(), message: z.string() }),
  )
  @HttpCode(200)
  async change(
    @By() author: Author,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @AdminBody(passwordBody) body: z.output<typeof passwordBody.schema>,
  ): Promise<object> {
    const sent = { current: body.current_password, wanted: body.new_password };
    const isBrowser = (await this.sessions.find(request)) !== undefined;
    const userId = await this.#change(author, sent);
    const kept = isBrowser ? await this.#signInAgain(request, response, author, userId) : undefined;
    return {
      user_id: userId,
      message: 'Password changed. All other sessions are over.',
      ...(kept === undefined ? {} : { csrf_token: kept.csrfToken }),
    };
  }

  @Handles('GET /ui/password')
  @Answers('The form for a new password', null, { mediaType: 'text/html' })
  async form(@Req() request: Request, @Res() response: Response): Promise<void> {
    const signedIn = await this.sessions.find(request);
    if (signedIn === undefined) response.redirect(303, this.requests.path('/sso/key/generate'));
    else sendPage(response, this.#page(signedIn.csrfToken));
  }

  @Handles('POST /ui/password')
  @HttpCode(200)
  @Answers('Changes the password with a form', null, { mediaType: 'text/html' })
  async changeForm(@Req() request: Request, @Res() response: Response): Promise<void> {
    const {
      csrf_token: csrfToken = '',
      current_password: current = '',
      new_password: wanted = '',
    } = formOf(request);
    const signedIn = await this.sessions.find(request);
    if (signedIn === undefined) {
      response.redirect(303, this.requests.path('/sso/key/generate'));
      return;
    }
    this.sessions.assertForm(request, csrfToken);
    const author = { principal: signedIn.principal, ...this.requests.placeOf(request, response) };
    try {
      const userId = await this.#change(author, { current, wanted });
      await this.#signInAgain(request, response, author, userId);
      response.redirect(303, this.requests.path('/ui/'));
    } catch (thrown) {
      const { text, status } = sentenceOf(thrown);
      if (status >= 500) throw thrown;
      if (thrown instanceof GatewayError) response.set(thrown.headers);
      sendPage(response, { ...this.#page(csrfToken, text), status });
    }
  }

  async #change({ principal, ip, requestId }: Author, { current, wanted }: Passwords): Promise<string> {
    if (principal.credential !== 'session')
      throw new GatewayError('rbac.forbidden', 'Sign in to change your password: a key cannot.', {
        param: 'None',
      });
    const user = await this.#storedUser(principal);
    const author = { principal, ip, requestId };
    await this.signIn.confirm(user, current, { ip, requestId });
    if (current === wanted) throw bad('The new password is the old one.', 'new_password');
    await this.passwords.set(author, user.id, wanted, { param: 'new_password' });
    return user.id;
  }

  async #storedUser(principal: Principal) {
    const id = principal.user?.id;
    const user = id === undefined ? null : await this.identities.findUser(id, undefined);
    if (user === null || user.id !== id) throw bad('Only a stored user has a password.', 'None');
    return user;
  }

  async #signInAgain(
    request: Request,
    response: Response,
    { ip, requestId }: Author,
    userId: string,
  ): Promise<SignedInBrowser> {
    const again = await this.browser.begin(request, { userId, method: 'password' }, { ip, requestId });
    addCookie(response, again.setCookie);
    return again;
  }

  #page(csrfToken: string, error?: string) {
    const action = this.requests.path('/ui/password');
    return passwordPage({ action, csrfToken, ...(error === undefined ? {} : { error }) });
  }
}

function bad(message: string, param: string): GatewayError {
  return new GatewayError('request.bad_field', message, { param, detail: { error: message } });
}
