import { Req, Res } from '@nestjs/common';
import { SingleSignOn, toOpenId } from '#libs/auth';
import { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AdminController } from '../http/decorators.js';
import { answerReturn } from './return-page.js';
import { SignInRequests } from './sign-in-requests.js';
import { SsoSignIn } from './sso-sign-in.js';

const DEBUG_CALLBACK = '/sso/debug/callback';

/** Where browsers come back to from an identity provider. */
@AdminController()
export class SsoController {
  constructor(
    private readonly signIn: SsoSignIn,
    private readonly sso: SingleSignOn,
    private readonly requests: SignInRequests,
    private readonly config: Config,
  ) {}

  @Handles('GET /sso/callback')
  @Answers('Ends a sign-in at the provider with a session', null, { mediaType: 'text/html' })
  async callback(@Req() request: Request, @Res() response: Response): Promise<void> {
    await answerReturn(request, response, this.requests, () => this.signIn.finish(request, response));
  }

  @Handles('GET /sso/debug/login')
  @Answers('Begins a sign-in that shows what the provider says and signs nobody in', null)
  async debugLogin(@Req() request: Request, @Res() response: Response): Promise<void> {
    this.#assertDebug();
    await this.signIn.begin(request, response, DEBUG_CALLBACK, {});
  }

  @Handles('GET /sso/debug/callback')
  @Answers('Shows what the provider says of somebody', z.looseObject({ openid: z.looseObject({}) }))
  async debugCallback(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    this.#assertDebug();
    const { identity } = await this.signIn.prove(request, response, DEBUG_CALLBACK);
    response.setHeader('cache-control', 'no-store');
    return { openid: toOpenId(identity), issuer: identity.issuer, subject: identity.subject };
  }

  @Handles('GET /sso/readiness')
  @Answers(
    'Says whether people can sign in at a provider',
    z.looseObject({ status: z.string(), sso_configured: z.boolean(), message: z.string() }),
  )
  readiness(): object {
    const { provider } = this.config.signIn.sso;
    if (provider === undefined)
      return { status: 'healthy', sso_configured: false, message: 'No SSO provider is configured.' };
    if (provider.missing.length > 0) {
      const message = `${provider.name} SSO is configured, but these variables are missing: ${provider.missing.join(', ')}.`;
      throw new GatewayError('server.overloaded', message, {
        type: 'auth_error',
        detail: {
          status: 'unhealthy',
          sso_configured: true,
          provider: provider.name,
          missing_environment_variables: provider.missing,
          message,
        },
      });
    }
    return {
      status: 'healthy',
      sso_configured: true,
      provider: this.sso.provider,
      message: `${provider.name} SSO is configured.`,
    };
  }

  #assertDebug(): void {
    if (this.config.signIn.sso.debug) return;
    throw new GatewayError('request.not_found', 'There is no such route.', { detail: 'Not Found' });
  }
}
