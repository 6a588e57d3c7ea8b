import { Injectable } from '@nestjs/common';
import { AuthenticationEvents, type CredentialFacts } from '#libs/auth';
import type { GatewayError, Principal } from '#libs/kernel';
import { Network } from '#libs/rbac';
import { Logger, type Suspicion, SuspiciousActivity } from '#libs/telemetry';

/** Tells the operator of failed sign-ins, and of bursts and strange networks. Known callers cost one look-up. */
@Injectable()
export class AuthenticationReports extends AuthenticationEvents {
  constructor(
    private readonly logger: Logger,
    private readonly suspicious: SuspiciousActivity,
    private readonly network: Network,
  ) {
    super();
  }

  override failed(facts: CredentialFacts, error: GatewayError): void {
    if (error.status >= 500) return;
    const address = this.#address(facts);
    this.logger.debug({ code: error.code, decision_id: error.decisionId, address }, 'Authentication failed');
    this.#tell(this.suspicious.authenticationFailed(address));
  }

  override succeeded(principal: Principal, facts: CredentialFacts): void {
    if (principal.key) this.#tell(this.suspicious.keyUsed(principal.key.id, this.#address(facts)));
  }

  #tell(suspicion: Suspicion | undefined): void {
    if (!suspicion) return;
    const { message, ...fields } = suspicion;
    this.logger.warn(fields, message);
  }

  #address(facts: CredentialFacts): string {
    const peer = facts.socket?.remoteAddress;
    return this.network.clientAddress(peer, forwardedFor(facts.rawHeaders)) ?? peer ?? 'unknown';
  }
}

function forwardedFor(rawHeaders: readonly string[]): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length === 15 && rawHeaders[i]?.toLowerCase() === 'x-forwarded-for')
      return rawHeaders[i + 1];
  }
  return undefined;
}
