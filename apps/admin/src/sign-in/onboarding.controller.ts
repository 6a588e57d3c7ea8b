import { HttpCode, Req, Res } from '@nestjs/common';
import { BrowserSessions, BrowserSignIn, credentialOf, OwnOrigin } from '#libs/auth';
import { Config } from '#libs/config';
import { Answers, Handles } from '#libs/rbac';
import { InvitationClaims } from '#libs/tenancy';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AdminBody, AdminController, AdminQuery } from '../http/decorators.js';
import type { BodyDefinition } from '../http/request-body.js';
import { sendPage } from '../http/html.js';
import { invitationPage } from './pages.js';
import { formOf, sentenceOf, SignInRequests } from './sign-in-requests.js';

const query = z.object({ invite_link: z.string().min(1).max(256) });
const claimBody = {
  schema: z.object({
    invitation_link: z.string().min(1).max(256),
    user_id: z.string().min(1).max(512),
    password: z.string().min(1).max(4_096),
  }),
} satisfies BodyDefinition;

/** Invited people set their first password, by link or by API. */
@AdminController()
export class OnboardingController {
  constructor(
    private readonly invitations: InvitationClaims,
    private readonly browser: BrowserSignIn,
    private readonly pages: BrowserSessions,
    private readonly requests: SignInRequests,
    private readonly origin: OwnOrigin,
    private readonly config: Config,
  ) {}

  @Handles('GET /onboarding/get_token')
  @Answers(
    'Opens an invitation; answers what sets its password',
    z.object({ login_url: z.string(), token: z.string(), user_email: z.string().nullable() }),
  )
  async open(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @AdminQuery(query) asked: z.output<typeof query>,
  ): Promise<object> {
    const { invitation, user, claimToken } = await this.invitations.open(asked.invite_link);
    response.setHeader('cache-control', 'no-store');
    const page = `/ui/?invitation_id=${encodeURIComponent(invitation.id)}`;
    return {
      login_url: this.origin.baseUrlOf(request) + page,
      token: claimToken,
      user_email: user.email,
    };
  }

  /** The token comes where a key would. */
  @Handles('POST /onboarding/claim_token')
  @Answers('Sets the first password of an invited user', z.looseObject({ user_id: z.string() }))
  @HttpCode(200)
  async claim(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @AdminBody(claimBody) body: z.output<typeof claimBody.schema>,
  ): Promise<object> {
    const credential = credentialOf(request, this.config.auth.keyHeaderName?.toLowerCase());
    const user = await this.invitations.claim(
      {
        invitationId: body.invitation_link,
        userId: body.user_id,
        claimToken: credential.kind === 'token' ? credential.raw : '',
        password: body.password,
      },
      this.requests.placeOf(request, response),
    );
    return { user_id: user.id, user_email: user.email, message: 'Password set.' };
  }

  /** From the page of the invitation: the person is signed in at once. */
  @Handles('POST /onboarding/claim')
  @HttpCode(200)
  @Answers('Sets the first password with a form, and signs in', null, { mediaType: 'text/html' })
  async claimForm(@Req() request: Request, @Res() response: Response): Promise<void> {
    this.pages.assertNotForeign(request);
    const {
      invitation_link: invitationId = '',
      user_id: userId = '',
      token: claimToken = '',
      ...rest
    } = formOf(request);
    const { password = '', username = '' } = rest;
    const place = this.requests.placeOf(request, response);
    try {
      const user = await this.invitations.claim({ invitationId, userId, claimToken, password }, place);
      await this.browser.complete(request, response, { userId: user.id, method: 'password' }, place);
    } catch (thrown) {
      const { text, status } = sentenceOf(thrown);
      if (status >= 500) throw thrown;
      const action = this.requests.path('/onboarding/claim');
      sendPage(
        response,
        invitationPage({ action, invitationId, userId, email: username, claimToken, error: text, status }),
      );
    }
  }
}
