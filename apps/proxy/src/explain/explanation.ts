import { Injectable } from '@nestjs/common';
import { Budgets } from '#libs/budget';
import { type Check, checkOf, judgedChecks, plannedChecks, type Reached } from '#libs/decisions';
import { type Denial, GatewayError, isRefusal, type Principal } from '#libs/kernel';
import { assertNetworkAllowed, assertRouteAllowed, Network, policyOf, RouteAccess } from '#libs/rbac';
import { Router } from '#libs/routing';
import { Admissions } from '../completion/admissions.js';
import { assertFitsContext } from '../completion/context-window.js';
import { Entrance } from '../completion/entrance.js';
import { makePlan } from '../completion/plan.js';
import type { CompletionRoute } from '../http/completion-routes.js';
import { bodyOf, changed, completionOf, type ThoughtCall } from './thought-call.js';

export interface Explanation {
  /** What the real call would be told; undefined: it would be served. */
  readonly error: GatewayError | undefined;
  readonly checks: readonly Check[];
}

interface Walk {
  principal: Principal;
  readonly errors: GatewayError[];
  readonly denials: Denial[];
  /** Undefined: to the end. */
  reached: Reached | undefined;
}

/** More things than this in the way of one call are no longer worth listing. */
const MOST_STEPS = 40;

/** Every grant was asked, and nothing that would say whether the model is there. */
const PAST_GRANTS: Reached = { name: 'model', whole: true };

/**
 * Walks a call that is only thought of through the very steps of a real one, up to and without the one that takes anything: the
 * entrance, the router, the admission's claims. Where a step refuses, its smallest change is made in thought and the walk begins
 * again, so that everything in the way is found, and the first is what the real call would be told.
 */
@Injectable()
export class Explanations {
  constructor(
    private readonly routes: RouteAccess,
    private readonly entrance: Entrance,
    private readonly router: Router,
    private readonly budgets: Budgets,
    private readonly admissions: Admissions,
    private readonly network: Network,
  ) {}

  /** `kept`: what keeps the caller out before anything is asked of the call. `tellsBeyondGrants`: whether the walk may go on past a model that is refused; to others that would say which models exist. */
  async explain(
    principal: Principal,
    call: ThoughtCall,
    kept: readonly GatewayError[],
    tellsBeyondGrants: boolean,
  ): Promise<Explanation> {
    const completion = completionOf(call);
    const walk: Walk = { principal, errors: [], denials: [], reached: undefined };
    const closed = thrownBy(() => assertRouteAllowed(this.routes.decideProxyWide(call.route)));
    const refused = [this.#outside(call), closed, ...kept];
    for (const error of refused) if (error !== undefined) note(walk, error);
    if (closed) walk.reached = { name: 'served_route', whole: false };
    else if (kept.some(({ code }) => code === 'request.not_found'))
      walk.reached = { name: 'blocked', whole: false };
    else if (completion === undefined) this.#walkRoute(walk, call);
    else await this.#walkCompletion(walk, call, completion, tellsBeyondGrants);
    const end = completion === undefined ? 'route' : 'limit';
    const checks = judgedChecks(
      plannedChecks(walk.principal, completion !== undefined),
      walk.denials,
      walk.reached ?? { name: end, whole: true },
    );
    return { error: walk.errors[0], checks };
  }

  /** Asked before everything else, and of every caller. */
  #outside({ address, route }: ThoughtCall): GatewayError | undefined {
    if (address === undefined || policyOf(route).anyNetwork === true) return undefined;
    return thrownBy(() => assertNetworkAllowed(this.network.decide(address, undefined)));
  }

  /** All other routes: what is asked before their handlers. */
  #walkRoute(walk: Walk, { route }: ThoughtCall): void {
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const error = thrownBy(() =>
        assertRouteAllowed(this.routes.decide(route, walk.principal), walk.principal),
      );
      if (error === undefined) return;
      if (!goOn(walk, error)) return;
    }
  }

  async #walkCompletion(
    walk: Walk,
    call: ThoughtCall,
    route: CompletionRoute,
    tellsBeyondGrants: boolean,
  ): Promise<void> {
    let asking = call;
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const hasGranted = walk.denials.some(({ change }) => change?.action === 'grant_model');
      const error = await this.#firstRefusal(walk, asking, route, !tellsBeyondGrants && hasGranted);
      if (error === undefined) return;
      if (isHiddenBehind(error, hasGranted && !tellsBeyondGrants)) {
        walk.reached = PAST_GRANTS;
        return;
      }
      if (error.code === 'auth.customer_blocked') {
        note(walk, error);
        asking = { ...asking, customerId: undefined };
      } else if (!goOn(walk, error)) return;
    }
  }

  /** What a real call of this caller would be refused with now. Takes and changes nothing. */
  async #firstRefusal(
    walk: Walk,
    call: ThoughtCall,
    route: CompletionRoute,
    onlyGrants: boolean,
  ): Promise<GatewayError | undefined> {
    try {
      const body = bodyOf(call, route.endpoint);
      const thought = { route, header: () => undefined };
      const understood = await this.entrance.understand(thought, walk.principal, body);
      if (onlyGrants) {
        walk.reached = PAST_GRANTS;
        return undefined;
      }
      const estimated = {
        ...understood,
        facts: { ...understood.facts, inputTokenBound: call.estimatedTokens },
      };
      const { facts, resolution } = estimated;
      const asked = this.entrance.forModel(estimated, resolution);
      const { principal } = asked;
      const deployments = this.router.plan(resolution, {
        endpoint: facts.endpoint,
        tags: facts.tags,
        keyNames: [principal.key?.alias, principal.key?.id, principal.key?.hash],
      });
      const plan = makePlan(asked, facts, resolution, deployments, this.budgets, Date.now());
      await assertFitsContext(asked, plan);
      walk.principal = principal;
      const refused = await this.admissions.examine(asked, plan);
      if (refused) note(walk, refused);
      return undefined;
    } catch (thrown) {
      if (isRefusal(thrown)) return thrown;
      throw thrown;
    }
  }
}

function note(walk: Walk, error: GatewayError): void {
  walk.errors.push(error);
  const denial = error.denial ?? { code: error.code };
  walk.denials.push(denial, ...(denial.others ?? []));
}

/** Notes the refusal and makes its change in thought; false where that cannot be done, and the walk ends there. */
function goOn(walk: Walk, error: GatewayError): boolean {
  note(walk, error);
  const change = error.denial?.change;
  const next = change && changed(walk.principal, change);
  if (next === undefined) {
    walk.reached = { name: checkOf(error.denial ?? { code: error.code }), whole: false };
    return false;
  }
  walk.principal = next;
  return true;
}

/** Past a refused grant, only further grants may be told of. */
function isHiddenBehind({ code }: GatewayError, isHiding: boolean): boolean {
  return isHiding && !code.endsWith('_model_denied');
}

function thrownBy(work: () => void): GatewayError | undefined {
  try {
    work();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
}
