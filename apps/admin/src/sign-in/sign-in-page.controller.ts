import { Req, Res } from '@nestjs/common';
import { BrowserSessions, CliSignIns, type SignedIn } from '#libs/auth';
import { Config } from '#libs/config';
import { Answers, Handles } from '#libs/rbac';
import type { Request, Response } from 'express';
import { AdminController } from '../http/decorators.js';
import { sendPage } from '../http/html.js';
import { cliCodePage, notePage, signInPage } from './pages.js';
import { SignInProviders } from './sign-in-providers.js';
import { SignInRequests, textOf } from './sign-in-requests.js';

/** Ids of our own making: what else stands in the address is nobody's sign-in. */
const CLI_ID = /^cli-[\w-]{24}$/;

/** Where everybody begins who wants to sign in: people, and command lines that send people. */
@AdminController()
export class SignInPageController {
  constructor(
    private readonly sessions: BrowserSessions,
    private readonly cli: CliSignIns,
    private readonly providers: SignInProviders,
    private readonly requests: SignInRequests,
    private readonly config: Config,
  ) {}

  @Handles('GET /sso/key/generate')
  @Answers('Begins to sign in: at the provider, or with the form', null, { mediaType: 'text/html' })
  async begin(@Req() request: Request, @Res() response: Response): Promise<void> {
    const key = textOf(request.query['key']);
    if (request.query['source'] === 'litellm-cli' && key !== undefined)
      return this.#cli(request, response, key);
    const returnTo = this.requests.returnTo(request.query['return_to']);
    if (this.config.signIn.browser.isUiDisabled) {
      sendPage(
        response,
        notePage({ title: 'Not here', text: 'The pages of this proxy are switched off (DISABLE_ADMIN_UI).' }),
      );
      return;
    }
    if (await this.sessions.find(request)) response.redirect(303, returnTo ?? this.requests.path('/ui/'));
    else await this.#signIn(request, response, returnTo);
  }

  /** The page for the code of a command line; whoever is not signed in does that first and comes back. */
  async #cli(request: Request, response: Response, id: string): Promise<void> {
    if (!CLI_ID.test(id) || !(await this.cli.isWaiting(id))) {
      const text = id.startsWith('sk-')
        ? 'This way of signing in is no longer served: upgrade the command line.'
        : 'This sign-in is over, or never was. Start again: tollgate login.';
      sendPage(response, notePage({ title: 'Sign in a command line', text, status: 400 }));
      return;
    }
    const code = this.config.signIn.browser.linksCarryCliCode
      ? textOf(request.query['user_code'])
      : undefined;
    const signedIn = await this.sessions.find(request);
    if (signedIn !== undefined && mayDoAnything(signedIn)) {
      sendPage(response, {
        ...cliCodePage({
          action: this.requests.path(`/sso/cli/complete/${id}`),
          csrfToken: signedIn.csrfToken,
          user: signedIn.principal.user?.email ?? signedIn.principal.displayName,
          code: code?.slice(0, 16),
        }),
      });
      return;
    }
    const query = new URLSearchParams({
      source: 'litellm-cli',
      key: id,
      ...(code === undefined ? {} : { user_code: code.slice(0, 16) }),
    });
    await this.#signIn(request, response, this.requests.path(`/sso/key/generate?${query.toString()}`));
  }

  async #signIn(request: Request, response: Response, returnTo: string | undefined): Promise<void> {
    const provider = this.providers.preferred;
    if (provider !== undefined) return provider.begin(request, response, returnTo);
    sendPage(response, {
      ...signInPage({ action: this.requests.path('/login'), returnTo }),
      formTargets: this.requests.formTargets,
    });
  }
}

/** Not while a new password is due. */
export function mayDoAnything({ principal }: SignedIn): boolean {
  return principal.credentialRoutes === undefined;
}
