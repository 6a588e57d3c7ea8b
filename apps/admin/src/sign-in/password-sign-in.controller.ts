import { HttpCode, Req, Res } from '@nestjs/common';
import { addCookie, BrowserSessions, BrowserSignIn, OwnOrigin, PasswordSignIn } from '#libs/auth';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AdminBody, AdminController } from '../http/decorators.js';
import type { BodyDefinition } from '../http/request-body.js';
import { sendPage } from '../http/html.js';
import { signInPage } from './pages.js';
import { SignInProviders } from './sign-in-providers.js';
import { formOf, sentenceOf, SignInRequests } from './sign-in-requests.js';

const loginBody = {
  schema: z.object({
    username: z.string().min(1).max(512),
    password: z.string().min(1).max(4_096),
    return_to: z.string().optional(),
  }),
} satisfies BodyDefinition;

/** Signing in with a name and a password. */
@AdminController()
export class PasswordSignInController {
  constructor(
    private readonly passwords: PasswordSignIn,
    private readonly browser: BrowserSignIn,
    private readonly pages: BrowserSessions,
    private readonly requests: SignInRequests,
    private readonly providers: SignInProviders,
    private readonly origin: OwnOrigin,
    private readonly config: Config,
  ) {}

  @Handles('GET /fallback/login')
  @Answers('The form for name and password, whatever provider is configured', null, {
    mediaType: 'text/html',
  })
  form(@Req() request: Request, @Res() response: Response): void {
    this.showForm(response, { returnTo: this.requests.returnTo(request.query['return_to']) });
  }

  /** From the form: `303` to where the person wanted to go, or the form again with what was wrong. */
  @Handles('POST /login')
  @HttpCode(200)
  @Answers('Signs in with a form; redirects with a session cookie', null, { mediaType: 'text/html' })
  async login(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { username = '', password = '', return_to: wanted } = formOf(request);
    const returnTo = this.requests.returnTo(wanted);
    try {
      const signedIn = await this.#signIn(request, response, { username, password, returnTo });
      addCookie(response, signedIn.setCookie);
      response.setHeader('cache-control', 'no-store');
      response.redirect(303, signedIn.location);
    } catch (thrown) {
      const { text, status } = sentenceOf(thrown);
      if (status >= 500) throw thrown;
      if (thrown instanceof GatewayError) response.set(thrown.headers);
      this.showForm(response, { returnTo, username, error: text, status });
    }
  }

  /** For programs and pages that send JSON. The session is in the cookie alone: what scripts can read, scripts can steal. */
  @Handles('POST /v2/login')
  @Answers(
    'Signs in with JSON; sets a session cookie',
    z.object({ redirect_url: z.string(), token: z.null(), csrf_token: z.string() }),
  )
  @HttpCode(200)
  async loginJson(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @AdminBody(loginBody) body: z.output<typeof loginBody.schema>,
  ): Promise<object> {
    const { username, password, return_to: wanted } = body;
    const returnTo = this.requests.returnTo(wanted);
    const signedIn = await this.#signIn(request, response, { username, password, returnTo });
    addCookie(response, signedIn.setCookie);
    response.setHeader('cache-control', 'no-store');
    const { location } = signedIn;
    return {
      redirect_url: location.startsWith('/') ? this.origin.of(request) + location : location,
      token: null,
      csrf_token: signedIn.csrfToken,
    };
  }

  showForm(
    response: Response,
    facts: { returnTo: string | undefined; username?: string; error?: string; status?: number },
  ): void {
    sendPage(response, {
      ...signInPage({ action: this.requests.path('/login'), ...facts }),
      formTargets: this.requests.formTargets,
    });
  }

  async #signIn(
    request: Request,
    response: Response,
    sent: { username: string; password: string; returnTo: string | undefined },
  ) {
    this.pages.assertNotForeign(request);
    const place = this.requests.placeOf(request, response);
    const onlyEnvironment = this.config.signIn.browser.disablePasswordsWithSso && this.providers.isConfigured;
    const who = await this.passwords.prove(sent.username, sent.password, place, { onlyEnvironment });
    return this.browser.begin(request, who, place, sent.returnTo);
  }
}
