import { type OnModuleInit, Req, Res } from '@nestjs/common';
import { Config } from '#libs/config';
import { Answers, Handles } from '#libs/rbac';
import type { Request, Response } from 'express';
import { AdminController } from '../http/decorators.js';
import { answerReturn } from '../sign-in/return-page.js';
import { SignInProviders } from '../sign-in/sign-in-providers.js';
import { SignInRequests } from '../sign-in/sign-in-requests.js';
import { SamlSignInPages } from './saml-sign-in-pages.js';

/** Where browsers leave for the SAML provider, and come back. */
@AdminController()
export class SamlController implements OnModuleInit {
  constructor(
    private readonly pages: SamlSignInPages,
    private readonly requests: SignInRequests,
    private readonly providers: SignInProviders,
    private readonly config: Config,
  ) {}

  /** The contract's order (auth 5.1): a handler of the operator's and an OpenID provider come first. */
  onModuleInit(): void {
    const { saml, provider, headerHandler } = this.config.signIn.sso;
    if (saml === undefined || provider !== undefined || headerHandler !== undefined) return;
    this.providers.add({
      name: 'saml',
      begin: (request, response, returnTo) => this.pages.begin(request, response, returnTo),
    });
  }

  @Handles('GET /sso/saml/login')
  @Answers('Sends the browser to the SAML provider', null)
  async login(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.pages.begin(request, response, this.requests.returnTo(request.query['return_to']));
  }

  @Handles('GET /sso/saml/metadata')
  @Answers('Describes this proxy to the SAML provider', null, { mediaType: 'application/samlmetadata+xml' })
  async metadata(@Req() request: Request, @Res() response: Response): Promise<void> {
    const document = await this.pages.metadata(request);
    response.type('application/samlmetadata+xml').send(document);
  }

  @Handles('POST /sso/saml/callback')
  @Answers('Ends a sign-in at the SAML provider with a session', null, { mediaType: 'text/html' })
  async callback(@Req() request: Request, @Res() response: Response): Promise<void> {
    await answerReturn(request, response, this.requests, () => this.pages.finish(request, response));
  }
}
