import { Injectable } from '@nestjs/common';
import { addCookie, FlowCookie, type SamlPlaces, SamlSignIn } from '#libs/auth';
import type { Request, Response } from 'express';
import { Admission, type Proven } from '../sign-in/admission.js';
import { RegisteredAddress } from '../sign-in/registered-address.js';
import { formOf, SignInRequests } from '../sign-in/sign-in-requests.js';
import { SignInStarts } from '../sign-in/sign-in-starts.js';

/** Signs people in at the SAML provider: browser and cookies. What an answer is worth is decided in `SamlSignIn`. */
@Injectable()
export class SamlSignInPages {
  readonly #starts = new SignInStarts();

  constructor(
    private readonly saml: SamlSignIn,
    private readonly admission: Admission,
    private readonly cookie: FlowCookie,
    private readonly address: RegisteredAddress,
    private readonly requests: SignInRequests,
  ) {}

  /** Sends the browser to the provider. Its answer will be a post from there, and the cookie has to come along. */
  async begin(request: Request, response: Response, returnTo: string | undefined): Promise<void> {
    this.#starts.take(this.requests.placeOf(request, response).ip);
    const data = returnTo === undefined ? {} : { returnTo };
    const { location, browserSecret } = await this.saml.begin(this.#places(request), data);
    addCookie(response, this.cookie.issue(browserSecret, request, { crossSite: true }));
    response.setHeader('cache-control', 'no-store');
    response.setHeader('location', location);
    response.writeHead(303).end();
  }

  /** The provider has let a browser post its answer: a session, or a refusal that the audit trail has. */
  finish(request: Request, response: Response): Promise<void> {
    return this.admission.admit(request, response, 'saml', () => this.#prove(request, response));
  }

  /** What providers are told about us, as XML. */
  metadata(request: Request): Promise<string> {
    return this.saml.metadata(this.#places(request));
  }

  async #prove(request: Request, response: Response): Promise<Proven> {
    const { SAMLResponse: answer = '', RelayState: relayState } = formOf(request);
    const browserSecret = this.cookie.read(request);
    const { identity, data } = await this.saml.complete(this.#places(request), {
      response: answer,
      relayState,
      browserSecret,
    });
    addCookie(response, this.cookie.clear(request));
    const { returnTo } = data;
    return { identity, returnTo: typeof returnTo === 'string' ? returnTo : undefined };
  }

  #places(request: Request): SamlPlaces {
    const base = `${this.address.of(request)}/sso/saml`;
    return { callbackUrl: `${base}/callback`, metadataUrl: `${base}/metadata` };
  }
}
