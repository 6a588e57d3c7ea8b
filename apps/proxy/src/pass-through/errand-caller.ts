import { Injectable } from '@nestjs/common';
import { Anonymous, Authentication, CallScopes } from '#libs/auth';
import { Config, type PassThroughEndpoint } from '#libs/config';
import { Draining } from '#libs/http';
import { GatewayError, type Principal } from '#libs/kernel';
import {
  assertNetworkAllowed,
  assertPassThroughAllowed,
  Network,
  openingsOf,
  PassThroughAccess,
} from '#libs/rbac';
import { checkTags } from '../completion/call-facts.js';
import { customerNamedIn } from '../completion/call-headers.js';
import { endpointCredential } from './endpoint-credential.js';
import type { Errand } from './errand.js';

/** Who calls, once everything that could refuse the call without counting has been asked. */
export interface KnownCaller {
  readonly principal: Principal;
  readonly customerId: string | undefined;
  readonly tags: readonly string[];
  /** What may not go further. */
  readonly credential: string | undefined;
}

const NO_TAGS: readonly string[] = Object.freeze([]);

/** The first half of a call to a pass-through endpoint: who is calling, and may they. */
@Injectable()
export class ErrandCaller {
  /** Endpoints of the file that `public_routes` opens. One made while it runs is opened by its own word alone. */
  readonly #open: ReadonlySet<PassThroughEndpoint>;
  readonly #keyHeaderName: string | undefined;

  constructor(
    private readonly config: Config,
    private readonly authentication: Authentication,
    private readonly anonymous: Anonymous,
    private readonly access: PassThroughAccess,
    private readonly network: Network,
    private readonly draining: Draining,
    private readonly scopes: CallScopes,
  ) {
    this.#open = openingsOf(config).passThrough;
    this.#keyHeaderName = config.auth.keyHeaderName?.toLowerCase();
  }

  /** Asked before any credential is looked at. */
  assertOpen(errand: Errand): void {
    const { endpoint, request } = errand;
    this.draining.assertServing();
    if (!this.network.isOpen)
      assertNetworkAllowed(
        this.network.decide(request.socket.remoteAddress, errand.header('x-forwarded-for')),
      );
    assertPassThroughAllowed(this.access.decideProxyWide(endpoint), endpoint);
    if (!endpoint.methods.some((method) => method === request.method))
      throw new GatewayError('request.method_not_allowed', 'Method not allowed', {
        headers: { allow: endpoint.methods.join(', ') },
        detail: 'Method Not Allowed',
      });
    if (this.config.budgets.blockUnpricedModels && endpoint.costNanoUsd === undefined)
      throw new GatewayError(
        'budget.price_missing',
        `Nobody knows what a call to ${endpoint.path} costs, and what has no price is not served: set its cost_per_request.`,
      );
  }

  /** At an endpoint that asks for no credential everybody is nobody in particular, whatever they send. */
  async identify(errand: Errand): Promise<KnownCaller> {
    const { endpoint, request, path } = errand;
    const { facts, raw } = endpointCredential(request, endpoint, this.#keyHeaderName);
    const isOpen = !endpoint.requiresCaller || this.#open.has(endpoint);
    const signedIn = isOpen ? this.anonymous.principal : await this.authentication.authenticate(facts);
    errand.principal = signedIn;
    if (!isOpen) assertPassThroughAllowed(this.access.decide(endpoint, path, signedIn), endpoint, signedIn);
    const customerId = this.#customerOf(errand, signedIn);
    const sentTags = this.#tagsOf(errand);
    const principal = await this.scopes.forRequest(signedIn, customerId, sentTags);
    errand.principal = principal;
    return { principal, customerId, tags: [...new Set([...signedIn.tags, ...sentTags])], credential: raw };
  }

  #customerOf(errand: Errand, principal: Principal): string | undefined {
    const { userHeaderName, enforceUserParam } = this.config.calls;
    const customerId = principal.customerId ?? customerNamedIn(errand, userHeaderName);
    if (enforceUserParam && customerId === undefined && errand.request.method === 'POST')
      throw new GatewayError('request.invalid', 'This proxy requires a customer in every request.', {
        param: 'x-litellm-customer-id',
      });
    return customerId;
  }

  #tagsOf(errand: Errand): readonly string[] {
    const sent = errand.header('x-litellm-tags');
    if (sent === undefined) return NO_TAGS;
    if (this.config.calls.rejectClientTags)
      throw new GatewayError('request.bad_field', 'This proxy does not take tags from callers.', {
        param: 'x-litellm-tags',
      });
    const tags = sent.split(',').map((tag) => tag.trim());
    return checkTags(tags.filter((tag) => tag !== ''));
  }
}
