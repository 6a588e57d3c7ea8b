import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Authentication, CallScopes, type CredentialFacts } from '#libs/auth';
import { Config } from '#libs/config';
import { Draining } from '#libs/http';
import { GatewayError, type Principal } from '#libs/kernel';
import { assertNetworkAllowed, assertRouteAllowed, Network, RouteAccess, type RouteId } from '#libs/rbac';
import type { Resolution } from '#libs/routing';
import { customerNamedIn } from '../completion/call-headers.js';
import { GrantedModels } from '../models/granted-models.js';
import { realtimeCredential } from './realtime-credential.js';

export interface SessionCaller {
  readonly principal: Principal;
  readonly resolution: Resolution;
  readonly customerId: string | undefined;
}

/** Who opens a realtime session, and whether he may go on: the same questions as of a completion, asked again whenever his rights change. */
@Injectable()
export class RealtimeCaller {
  constructor(
    private readonly config: Config,
    private readonly authentication: Authentication,
    private readonly routes: RouteAccess,
    private readonly network: Network,
    private readonly models: GrantedModels,
    private readonly scopes: CallScopes,
    private readonly draining: Draining,
  ) {}

  /** Asked before any credential is looked at. */
  assertOpen(request: IncomingMessage, route: RouteId): void {
    this.draining.assertServing();
    if (!this.network.isOpen)
      assertNetworkAllowed(
        this.network.decide(request.socket.remoteAddress, textOf(request.headers['x-forwarded-for'])),
      );
    assertRouteAllowed(this.routes.decideProxyWide(route));
  }

  credentialOf(request: IncomingMessage, key: string | undefined): CredentialFacts {
    const isSilent = (facts: CredentialFacts): boolean => this.authentication.isSilent(facts);
    return realtimeCredential(request, key, isSilent, this.config.auth.keyHeaderName);
  }

  /** Throws what the caller is refused with. `known` hears of the caller as soon as there is one. */
  async identify(
    facts: CredentialFacts,
    request: IncomingMessage,
    route: RouteId,
    model: string,
    known: (principal: Principal) => void,
  ): Promise<SessionCaller> {
    const signedIn = await this.authentication.authenticate(facts);
    known(signedIn);
    assertRouteAllowed(this.routes.decide(route, signedIn), signedIn);
    const { userHeaderName } = this.config.calls;
    const header = (name: string): string | undefined => textOf(request.headers[name]);
    const customerId = signedIn.customerId ?? customerNamedIn({ header }, userHeaderName);
    if (this.config.calls.enforceUserParam && customerId === undefined)
      throw new GatewayError('request.invalid', 'This proxy requires a customer in every request.', {
        param: 'x-litellm-customer-id',
      });
    const caller = await this.scopes.forRequest(signedIn, customerId, []);
    const resolution = this.models.resolve(caller, model);
    const principal = this.scopes.forModel(caller, model, resolution.group, resolution.keyLimits);
    return { principal, resolution, customerId };
  }
}

export function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
