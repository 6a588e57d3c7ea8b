import { Req, Res } from '@nestjs/common';
import { AccessJournal } from '#libs/audit';
import {
  addCookie,
  BrowserSignIn,
  checkedReturnTo,
  type ExternalIdentity,
  Provisioning,
  SamlCookie,
  SamlSignIn,
  type SignInPlace,
} from '#libs/auth';
import { Config } from '#libs/config';
import { readBody } from '#libs/http';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import type { Request, Response } from 'express';
import { AdminController } from '../http/decorators.js';
import { SamlPlacesOf } from './saml-places.js';

/** The contract's limit: assertions carry hundreds of groups. */
const MOST_BYTES = 5 * 1024 * 1024;
const FORM = /^application\/x-www-form-urlencoded\b/i;

/** Signs people in at the SAML provider: browser, cookies, audit trail. What an answer is worth is decided in `SamlSignIn`. */
@AdminController()
export class SamlController {
  constructor(
    private readonly saml: SamlSignIn,
    private readonly provisioning: Provisioning,
    private readonly browser: BrowserSignIn,
    private readonly cookie: SamlCookie,
    private readonly places: SamlPlacesOf,
    private readonly journal: AccessJournal,
    private readonly config: Config,
  ) {}

  @Handles('GET /sso/saml/login')
  @Answers('Sends the browser to the SAML provider', null)
  async login(@Req() request: Request, @Res() response: Response): Promise<void> {
    const wanted = request.query['return_to'];
    const returnTo =
      typeof wanted === 'string' && wanted !== ''
        ? checkedReturnTo(wanted, this.config.signIn.browser.controlPlaneUrl)
        : undefined;
    this.places.take(request, response);
    const data = returnTo === undefined ? {} : { returnTo };
    const { location, browserSecret } = await this.saml.begin(this.places.of(request), data);
    addCookie(response, this.cookie.issue(browserSecret, request));
    response.setHeader('cache-control', 'no-store');
    response.setHeader('location', location);
    response.writeHead(303).end();
  }

  @Handles('GET /sso/saml/metadata')
  @Answers('Describes this proxy to the SAML provider', null, { mediaType: 'application/samlmetadata+xml' })
  async metadata(@Req() request: Request, @Res() response: Response): Promise<void> {
    const document = await this.saml.metadata(this.places.of(request));
    response.type('application/samlmetadata+xml').send(document);
  }

  @Handles('POST /sso/saml/callback')
  @Answers('Ends a sign-in at the SAML provider with a session', null)
  async callback(@Req() request: Request, @Res() response: Response): Promise<void> {
    const place = this.places.browserOf(request, response);
    let identity: ExternalIdentity | undefined;
    try {
      const proven = await this.#prove(request, response);
      identity = proven.identity;
      const user = await this.provisioning.admit(identity);
      const { issuer, subject } = identity;
      const { returnTo } = proven.data;
      await this.browser.complete(
        request,
        response,
        { userId: user.id, method: 'saml', provenance: { issuer, subject } },
        place,
        typeof returnTo === 'string' ? returnTo : undefined,
      );
    } catch (thrown) {
      this.#refused(place, thrown, identity);
      throw thrown;
    }
  }

  async #prove(request: Request, response: Response): ReturnType<SamlSignIn['complete']> {
    if (!this.saml.isConfigured) return this.saml.complete(this.places.of(request), NO_ANSWER);
    const form = await formOf(request);
    const [answer, ...others] = form.getAll('SAMLResponse');
    const states = form.getAll('RelayState');
    if (answer === undefined || others.length > 0 || states.length > 1)
      throw new GatewayError('request.invalid', 'The post does not carry one SAMLResponse.', {
        type: 'auth_error',
        param: 'SAMLResponse',
      });
    const proven = await this.saml.complete(this.places.of(request), {
      response: answer,
      relayState: states[0],
      browserSecret: this.cookie.read(request),
    });
    addCookie(response, this.cookie.clear(request));
    return proven;
  }

  /** Under which name somebody tried, as far as the provider vouches for it; never what was in the request. */
  #refused({ ip, requestId }: SignInPlace, thrown: unknown, identity: ExternalIdentity | undefined): void {
    if (!(thrown instanceof GatewayError) || thrown.status >= 500) return;
    this.journal.signInRefused(
      { userId: identity?.email ?? null, keyId: null, ip, requestId },
      `POST /sso/saml/callback: ${thrown.code} ${thrown.param ?? ''}`.trim(),
    );
  }
}

const NO_ANSWER = { response: '', relayState: undefined, browserSecret: undefined };

/** The fields of the post. Throws 422 for another kind of body, 413 for more than the contract's limit. */
async function formOf(request: Request): Promise<URLSearchParams> {
  if (!FORM.test(request.headers['content-type'] ?? ''))
    throw new GatewayError('request.unprocessable', 'Send a form: application/x-www-form-urlencoded.');
  return new URLSearchParams((await readBody(request, MOST_BYTES)).toString('utf8'));
}
