import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';

/** An identity provider that people can be sent to: OpenID Connect, SAML, a handler of the operator's. */
export interface SignInProvider {
  /** `google`, `microsoft`, `generic`, `saml`, `custom`. */
  readonly name: string;
  /**
   * Sends the browser there. `returnTo` is checked already, and where it is to be sent when `BrowserSignIn.complete` is done; keep it
   * bound to this browser meanwhile.
   */
  begin(request: Request, response: Response, returnTo: string | undefined): Promise<void>;
}

/** The configured providers, in the order of preference. Whoever has one adds it while the product starts. */
@Injectable()
export class SignInProviders {
  readonly #providers: SignInProvider[] = [];

  add(provider: SignInProvider): void {
    this.#providers.push(provider);
  }

  /** Where people are sent who want to sign in; undefined: to the form for name and password. */
  get preferred(): SignInProvider | undefined {
    return this.#providers[0];
  }

  get isConfigured(): boolean {
    return this.#providers.length > 0;
  }
}
