import { HttpCode, Param, Req, Res } from '@nestjs/common';
import { BrowserSessions, CLI_SIGN_IN_MS, type CliOutcome, CliSignIns, OwnOrigin } from '#libs/auth';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { sendPage } from '../http/html.js';
import { cliCodePage, notePage } from './pages.js';
import { mayDoAnything } from './sign-in-page.controller.js';
import { formOf, sentenceOf, SignInRequests } from './sign-in-requests.js';

const pollQuery = z.object({ team_id: z.string().min(1).max(512).optional() });
const SECRET_HEADER = 'x-litellm-cli-poll-secret';

/** Signing a command line in with a browser: ours and LiteLLM's. */
@AdminController()
export class CliSignInController {
  constructor(
    private readonly cli: CliSignIns,
    private readonly sessions: BrowserSessions,
    private readonly requests: SignInRequests,
    private readonly origin: OwnOrigin,
    private readonly config: Config,
  ) {}

  @Handles('POST /sso/cli/start')
  @Answers(
    'Starts to sign a command line in',
    z.looseObject({
      login_id: z.string(),
      poll_secret: z.string(),
      user_code: z.string(),
      expires_in: z.int(),
    }),
  )
  @HttpCode(200)
  async start(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<object> {
    const { ip } = this.requests.placeOf(request, response);
    const { id, pollSecret, userCode } = await this.cli.start(ip ?? 'unknown');
    response.setHeader('cache-control', 'no-store');
    const page = `${this.origin.baseUrlOf(request)}/sso/key/generate?source=litellm-cli&key=${id}`;
    return {
      login_id: id,
      poll_secret: pollSecret,
      user_code: userCode,
      expires_in: CLI_SIGN_IN_MS / 1_000,
      verification_uri: page,
      ...(this.config.signIn.browser.linksCarryCliCode
        ? { verification_uri_complete: `${page}&user_code=${userCode}` }
        : {}),
    };
  }

  @Handles('GET /sso/cli/poll/{id}')
  @Answers('Says whether somebody has signed the command line in', z.looseObject({ status: z.string() }))
  async poll(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @Param('id') id: string,
    @AdminQuery(pollQuery) asked: z.output<typeof pollQuery>,
  ): Promise<object> {
    const secret = request.headers[SECRET_HEADER];
    const place = this.requests.placeOf(request, response);
    response.setHeader('cache-control', 'no-store');
    return answerOf(
      await this.cli.poll(id, typeof secret === 'string' ? secret : undefined, asked.team_id, place),
    );
  }

  /** From the page: somebody who is signed in has typed the code. */
  @Handles('POST /sso/cli/complete/{id}')
  @HttpCode(200)
  @Answers('Signs the command line in with the code it shows', null, { mediaType: 'text/html' })
  async complete(@Req() request: Request, @Res() response: Response, @Param('id') id: string): Promise<void> {
    const { user_code: code = '', browser_complete_token: csrfToken } = formOf(request);
    const signedIn = await this.sessions.find(request);
    if (signedIn === undefined || !mayDoAnything(signedIn))
      throw new GatewayError(
        'auth.session_over',
        'Sign in first, with the link that the command line shows.',
      );
    this.sessions.assertForm(request, csrfToken);
    try {
      await this.cli.approve(id, signedIn.sessionId, code);
    } catch (thrown) {
      const { text, status } = sentenceOf(thrown);
      if (status !== 400) throw thrown;
      sendPage(response, {
        ...((await this.cli.isWaiting(id))
          ? cliCodePage({
              action: this.requests.path(`/sso/cli/complete/${encodeURIComponent(id)}`),
              csrfToken: signedIn.csrfToken,
              user: signedIn.principal.user?.email ?? signedIn.principal.displayName,
              code: undefined,
              error: text,
              status,
            })
          : notePage({ title: 'Sign in a command line', text, status })),
      });
      return;
    }
    sendPage(
      response,
      notePage({ title: 'Signed in', text: 'The command line is signed in. You can close this page.' }),
    );
  }
}

/** The contract's members. */
function answerOf(outcome: CliOutcome): object {
  if (outcome.status === 'pending') return { status: 'pending' };
  const teams = {
    user_id: outcome.userId,
    teams: outcome.teams.map(({ id }) => id),
    team_details: outcome.teams.map(({ id, alias }) => ({ team_id: id, team_alias: alias })),
  };
  if (outcome.status === 'choose_team') return { status: 'ready', ...teams, requires_team_selection: true };
  const { attributes } = outcome;
  return {
    status: 'ready',
    key: outcome.token,
    ...teams,
    team_id: outcome.teamId ?? null,
    ...(Object.keys(attributes).length === 0 ? {} : { attribution_metadata: attributes }),
  };
}
