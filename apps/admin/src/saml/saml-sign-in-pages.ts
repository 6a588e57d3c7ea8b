import { Injectable } from '@nestjs/common';
import { addCookie, BrowserSignIn, Provisioning, SamlCookie, SamlSignIn } from '#libs/auth';
import type { Request, Response } from 'express';
import { formOf, SignInRequests } from '../sign-in/sign-in-requests.js';
import { SamlPlacesOf } from './saml-places.js';

/** Signs people in at the SAML provider: browser and cookies. What an answer is worth is decided in `SamlSignIn`. */
@Injectable()
export class SamlSignInPages {
  constructor(
    private readonly saml: SamlSignIn,
    private readonly provisioning: Provisioning,
    private readonly browser: BrowserSignIn,
    private readonly cookie: SamlCookie,
    private readonly places: SamlPlacesOf,
    private readonly requests: SignInRequests,
  ) {}

  /** Sends the browser to the provider. */
  async begin(request: Request, response: Response, returnTo: string | undefined): Promise<void> {
    this.places.take(this.requests.placeOf(request, response).ip);
    const data = returnTo === undefined ? {} : { returnTo };
    const { location, browserSecret } = await this.saml.begin(this.places.of(request), data);
    addCookie(response, this.cookie.issue(browserSecret, request));
    response.setHeader('cache-control', 'no-store');
    response.setHeader('location', location);
    response.writeHead(303).end();
  }

  /** The provider has let a browser post its answer: a session, or a refusal. */
  async finish(request: Request, response: Response): Promise<void> {
    const { identity, data } = await this.#prove(request, response);
    const user = await this.provisioning.admit(identity);
    const { issuer, subject } = identity;
    const { returnTo } = data;
    await this.browser.complete(
      request,
      response,
      { userId: user.id, method: 'saml', provenance: { issuer, subject } },
      this.requests.placeOf(request, response),
      typeof returnTo === 'string' ? returnTo : undefined,
    );
  }

  async #prove(request: Request, response: Response): ReturnType<SamlSignIn['complete']> {
    const { SAMLResponse: answer = '', RelayState: relayState } = formOf(request);
    const browserSecret = this.cookie.read(request);
    const proven = await this.saml.complete(this.places.of(request), {
      response: answer,
      relayState,
      browserSecret,
    });
    addCookie(response, this.cookie.clear(request));
    return proven;
  }
}
