import { Injectable } from '@nestjs/common';
import { Authentication, CallScopes } from '#libs/auth';
import { inputTokenBound } from '#libs/budget';
import { Config } from '#libs/config';
import { readBody } from '#libs/http';
import { type CallFacts, GatewayError, type Principal } from '#libs/kernel';
import { parseRequestBody, type RequestBody } from '#libs/providers';
import { assertRouteAllowed, assertSafeBody, fallbackNamesOf, RouteAccess } from '#libs/rbac';
import type { Resolution } from '#libs/routing';
import { GrantedModels } from '../models/granted-models.js';
import type { Call } from './call.js';
import { readCallFacts } from './call-facts.js';
import { type CallHeaders, readCallHeaders } from './call-headers.js';
import { Door } from './door.js';
import { ObjectIds, type SealedIds } from './object-ids.js';
import { missingParam } from './required-params.js';

/** What a call asks for, once everything that could refuse it without counting has been asked. */
export interface Asked {
  readonly principal: Principal;
  readonly body: RequestBody;
  readonly facts: CallFacts;
  readonly headers: CallHeaders;
  /** The output cap as the caller sent it; `facts` may hold a lower one that the operator set. */
  readonly callerCap: number | undefined;
  readonly resolution: Resolution;
  /** Top-level members that steer a proxy, not a model: cut before the body goes on. */
  readonly stripped: readonly string[];
  /** How the caller is told what its answer made at the provider; absent where that needs no other name. */
  readonly names: SealedIds | undefined;
}

/** What of a call its meaning is read from. */
export type Understandable = Pick<Call, 'route' | 'header'>;

/** The first half of a completion: who is calling, may they be here, what do they ask, may they have it. */
@Injectable()
export class Entrance {
  constructor(
    private readonly config: Config,
    private readonly authentication: Authentication,
    private readonly routes: RouteAccess,
    private readonly door: Door,
    private readonly models: GrantedModels,
    private readonly scopes: CallScopes,
    private readonly objects: ObjectIds,
  ) {}

  /** Asked before any credential is looked at. */
  assertOpen(call: Call): void {
    this.door.assertOpen(call);
  }

  /** Synchronous for a caller that is known. */
  authenticate(call: Call): Principal | Promise<Principal> {
    return this.authentication.authenticate(call.request);
  }

  /** The body after the credential: who may not come in does not get to send megabytes. */
  async read(call: Call): Promise<RequestBody> {
    return parseRequestBody(await readBody(call.request, this.config.server.maxRequestBytes));
  }

  /** Everything a caller asks for that grants can refuse. Synchronous when the customer and tags it names were met before. */
  understand(call: Understandable, signedIn: Principal, body: RequestBody): Asked | Promise<Asked> {
    assertRouteAllowed(this.routes.decide(call.route.policy, signedIn), signedIn);
    const stripped = assertSafeBody(body.json, this.config.calls.allowClientCredentials);
    const { endpoint, model } = call.route;
    const headers = readCallHeaders(call, this.config.calls.userHeaderName);
    const sent = readCallFacts(endpoint, body, model, inputTokenBound(body.bytes, body.json, endpoint));
    const principal =
      signedIn.alternatives === undefined ? signedIn : this.#inATeam(signedIn, sent.requestedModel);
    const facts = this.#capped(this.#attributed(sent, principal, headers));
    const caller = this.scopes.forRequest(principal, facts.customerId, facts.tags);
    if (caller instanceof Promise)
      return caller.then((known) => this.#asked(known, body, facts, headers, stripped, sent.maxOutputTokens));
    return this.#asked(caller, body, facts, headers, stripped, sent.maxOutputTokens);
  }

  /** A token that names several teams speaks for the first that may call the model. */
  #inATeam(principal: Principal, requestedModel: string): Principal {
    for (const one of [principal, ...(principal.alternatives ?? [])]) {
      try {
        this.resolve(one, requestedModel);
        return one;
      } catch (thrown) {
        if (!(thrown instanceof GatewayError)) throw thrown;
      }
    }
    return principal;
  }

  #asked(
    principal: Principal,
    body: RequestBody,
    facts: CallFacts,
    headers: CallHeaders,
    stripped: readonly string[],
    callerCap: number | undefined,
  ): Asked {
    for (const name of fallbackNamesOf(body.json)) this.resolve(principal, name);
    const resolution = this.resolve(principal, facts.requestedModel);
    const opened = this.objects.opened(principal, facts, body);
    const names = this.objects.namesFor(principal, facts);
    return { principal, body: opened, facts, headers, stripped, callerCap, resolution, names };
  }

  /** Whether the call says what the operator, its team and its key want said (`enforced_params`). Throws `request.invalid` naming what is missing. A call that is only thought of has no such members, so it is not asked. */
  assertComplete({ principal, body, facts, headers }: Asked): void {
    const ofAll = this.config.calls.requiredParams;
    const ofCaller = principal.requiredParams;
    if (ofAll.length === 0 && ofCaller === undefined) return;
    const said = { json: body.json, facts, headers };
    const missing = missingParam(ofAll, said) ?? (ofCaller && missingParam(ofCaller, said));
    if (missing === undefined) return;
    throw new GatewayError('request.invalid', `\`${missing}\` is required in every request here.`, {
      param: missing,
    });
  }

  /** The same call with what its caller's scopes set for the model that is to serve it; `askedName`: what that is called, when it stands in for another. */
  forModel(
    asked: Asked,
    { group, keyLimits }: Resolution,
    askedName: string = asked.facts.requestedModel,
  ): Asked {
    const principal = this.scopes.forModel(asked.principal, askedName, group, keyLimits);
    return principal === asked.principal ? asked : { ...asked, principal };
  }

  /** The model's deployments, or the refusal of who may not have them. */
  resolve(principal: Principal, requestedModel: string): Resolution {
    return this.models.resolve(principal, requestedModel);
  }

  /** A pinned customer, then the header's, then the body's; the caller's tags may only add to the key's. */
  #attributed(facts: CallFacts, principal: Principal, headers: CallHeaders): CallFacts {
    const customerId = principal.customerId ?? headers.customerId ?? facts.customerId;
    if (this.config.calls.enforceUserParam && customerId === undefined) {
      throw new GatewayError('request.invalid', 'This proxy requires a `user` in every request.', {
        param: 'user',
      });
    }
    if (this.config.calls.rejectClientTags && (facts.tags.length > 0 || headers.tags.length > 0)) {
      throw new GatewayError('request.bad_field', 'This proxy does not take tags from callers.', {
        param: 'metadata.tags',
      });
    }
    if (customerId === facts.customerId && headers.tags.length === 0 && principal.tags.length === 0)
      return facts;
    const tags = [...new Set([...principal.tags, ...(facts.tags.length > 0 ? facts.tags : headers.tags)])];
    return { ...facts, tags, ...(customerId === undefined ? {} : { customerId }) };
  }

  /** `litellm_settings.max_tokens`: lowers a larger cap and sets a missing one. */
  #capped(facts: CallFacts): CallFacts {
    const most = this.config.calls.maxTokens;
    if (most === undefined || facts.endpoint === 'embeddings') return facts;
    if (facts.maxOutputTokens !== undefined && facts.maxOutputTokens <= most) return facts;
    return { ...facts, maxOutputTokens: most };
  }
}
