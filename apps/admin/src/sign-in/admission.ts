import { Injectable } from '@nestjs/common';
import { AccessJournal } from '#libs/audit';
import { BrowserSignIn, type ExternalIdentity, Provisioning } from '#libs/auth';
import { isRefusal } from '#libs/kernel';
import type { Request, Response } from 'express';
import { SignInRequests } from './sign-in-requests.js';

/** Who somebody was proved to be, and where to go then. */
export interface Proven {
  readonly identity: ExternalIdentity;
  readonly returnTo: string | undefined;
}

/** The last step of every sign-in at somebody else's: an account and a session, or a refusal that the audit trail has. */
@Injectable()
export class Admission {
  constructor(
    private readonly provisioning: Provisioning,
    private readonly browser: BrowserSignIn,
    private readonly journal: AccessJournal,
    private readonly requests: SignInRequests,
  ) {}

  /** `method` is what sessions and the audit trail call the way: `google`, `oidc`, `saml`, ... Throws what `prove` and provisioning throw. */
  async admit(
    request: Request,
    response: Response,
    method: string,
    prove: () => Promise<Proven>,
  ): Promise<void> {
    let identity: ExternalIdentity | undefined;
    try {
      const proven = await prove();
      identity = proven.identity;
      const { id: userId } = await this.provisioning.admit(identity);
      const { issuer, subject } = identity;
      const place = this.requests.placeOf(request, response);
      const who = { userId, method, provenance: { issuer, subject } };
      await this.browser.complete(request, response, who, place, proven.returnTo);
    } catch (thrown) {
      this.#refused(request, response, method, thrown, identity);
      throw thrown;
    }
  }

  /** Under which name somebody tried, as far as a provider vouches for it; never what was in the request. */
  #refused(
    request: Request,
    response: Response,
    method: string,
    thrown: unknown,
    identity: ExternalIdentity | undefined,
  ): void {
    if (!isRefusal(thrown)) return;
    const { ip, requestId } = this.requests.placeOf(request, response);
    const userId = identity?.email ?? identity?.id ?? null;
    this.journal.signInRefused(
      { userId, keyId: null, ip, requestId },
      `${method}: ${thrown.code} ${thrown.param ?? ''}`.trim(),
    );
  }
}
