import { Injectable, type OnModuleInit } from '@nestjs/common';
import { addCookie, FlowCookie, SingleSignOn } from '#libs/auth';
import type { Request, Response } from 'express';
import { Admission } from './admission.js';
import { RegisteredAddress } from './registered-address.js';
import { SignInProviders } from './sign-in-providers.js';
import { SignInRequests } from './sign-in-requests.js';
import { SignInStarts } from './sign-in-starts.js';

const CALLBACK = '/sso/callback';

/** Signs people in at the configured OpenID provider: the browser's part of it. */
@Injectable()
export class SsoSignIn implements OnModuleInit {
  readonly #starts = new SignInStarts();

  constructor(
    private readonly sso: SingleSignOn,
    private readonly admission: Admission,
    private readonly cookie: FlowCookie,
    private readonly address: RegisteredAddress,
    private readonly providers: SignInProviders,
    private readonly requests: SignInRequests,
  ) {}

  onModuleInit(): void {
    const { provider } = this.sso;
    if (provider === undefined) return;
    this.providers.add({
      name: provider,
      begin: (request, response, returnTo) =>
        this.begin(request, response, CALLBACK, returnTo === undefined ? {} : { returnTo }),
    });
  }

  /** Sends the browser to the provider, which sends it back to `callback` with `data` kept here meanwhile. */
  async begin(
    request: Request,
    response: Response,
    callback: string,
    data: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    this.#starts.take(this.requests.placeOf(request, response).ip);
    const { location, browserSecret } = await this.sso.begin(this.address.of(request) + callback, data);
    addCookie(response, this.cookie.issue(browserSecret, request));
    response.setHeader('cache-control', 'no-store');
    response.setHeader('location', location.href);
    response.writeHead(303).end();
  }

  /** The provider has sent a browser back: a session, or a refusal that the audit trail has. */
  finish(request: Request, response: Response): Promise<void> {
    const method = this.sso.provider === 'generic' ? 'oidc' : (this.sso.provider ?? 'oidc');
    return this.admission.admit(request, response, method, async () => {
      const { identity, data } = await this.prove(request, response, CALLBACK);
      const { returnTo } = data;
      return { identity, returnTo: typeof returnTo === 'string' ? returnTo : undefined };
    });
  }

  /** Who came back; its flow is over, and the cookie of it is gone. */
  async prove(request: Request, response: Response, callback: string): ReturnType<SingleSignOn['complete']> {
    const browserSecret = this.cookie.read(request);
    const { search } = new URL(request.url, 'http://own.invalid');
    const proven = await this.sso.complete({
      redirectUri: this.address.of(request) + callback,
      query: new URLSearchParams(search),
      browserSecret,
    });
    addCookie(response, this.cookie.clear(request));
    return proven;
  }
}
