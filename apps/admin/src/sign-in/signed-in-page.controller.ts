import { Req, Res } from '@nestjs/common';
import { BrowserSessions, type SignedIn } from '#libs/auth';
import { Config } from '#libs/config';
import { formatUsd, GatewayError, isRefusal } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { InvitationClaims, KeyCatalogue, SpendReader } from '#libs/tenancy';
import type { Request, Response } from 'express';
import { AdminController } from '../http/decorators.js';
import { sendPage } from '../http/html.js';
import { invitationPage, notePage, type ShownKey, signedInPage } from './pages.js';
import { mayDoAnything } from './sign-in-page.controller.js';
import { SignInRequests, textOf } from './sign-in-requests.js';

/** On one page; the command line and the API list all. */
const MOST_KEYS = 100;

/** What people see who are signed in, until there is a console. */
@AdminController()
export class SignedInPageController {
  constructor(
    private readonly sessions: BrowserSessions,
    private readonly invitations: InvitationClaims,
    private readonly keys: KeyCatalogue,
    private readonly spend: SpendReader,
    private readonly requests: SignInRequests,
    private readonly config: Config,
  ) {}

  @Handles('GET /ui/')
  @Answers('Shows who is signed in, with keys and spend', null, { mediaType: 'text/html' })
  async show(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (this.config.signIn.browser.isUiDisabled)
      throw new GatewayError('request.not_found', 'The pages of this proxy are switched off.', {
        detail: 'Not Found',
      });
    const invitationId = textOf(request.query['invitation_id']);
    if (invitationId !== undefined) return this.#invite(response, invitationId);
    const signedIn = await this.sessions.find(request);
    if (signedIn === undefined) {
      response.redirect(303, this.requests.path('/sso/key/generate'));
      return;
    }
    if (!mayDoAnything(signedIn)) {
      response.redirect(303, this.requests.path('/ui/password'));
      return;
    }
    sendPage(response, {
      ...(await this.#page(signedIn)),
      formTargets: this.requests.logoutTargets,
    });
  }

  async #invite(response: Response, id: string): Promise<void> {
    try {
      const { invitation, user, claimToken } = await this.invitations.open(id);
      sendPage(
        response,
        invitationPage({
          action: this.requests.path('/onboarding/claim'),
          invitationId: invitation.id,
          userId: user.id,
          email: user.email,
          claimToken,
        }),
      );
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
      sendPage(
        response,
        notePage({ title: 'Invitation', text: thrown.publicMessage, status: thrown.status }),
      );
    }
  }

  async #page({ principal, csrfToken }: SignedIn) {
    const userId = principal.user?.id ?? '';
    const found = await this.keys.list(
      principal,
      { userId },
      { by: 'createdAt', direction: 'DESC' },
      { page: 1, size: MOST_KEYS },
    );
    const scope = { type: 'user', id: userId } as const;
    const spend = await this.spend.spendOf([scope]);
    const keys = found.items.map(({ key, status, spentNanoUsd }): ShownKey => ({
      alias: key.alias,
      maskedName: key.maskedName,
      status,
      spend: formatUsd(spentNanoUsd),
      budget: key.maxBudgetNano === null ? null : formatUsd(key.maxBudgetNano),
    }));
    return signedInPage({
      user: userId,
      email: principal.user?.email,
      role: principal.customRole ?? principal.role,
      signedInBy: String(principal.metadata['signed_in_by'] ?? 'session'),
      spend: formatUsd(spend.get(`user:${userId}`) ?? 0n),
      keys,
      moreKeys: found.total - keys.length,
      logout: this.requests.path('/logout'),
      csrfToken,
    });
  }
}
