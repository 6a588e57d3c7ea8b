import { Injectable } from '@nestjs/common';
import { type Bound, Budgets, clampedOutputTokens, tightenInputBound } from '#libs/budget';
import { Config } from '#libs/config';
import { type Admission, type Claim, Counters, type Refusal, type Settlement } from '#libs/counters';
import type { CallFacts, GatewayError, Principal } from '#libs/kernel';
import { isDeploymentOnly, type LimitedCall, RateLimits } from '#libs/ratelimit';
import type { Call } from './call.js';
import type { Asked } from './entrance.js';
import { type Candidate, makePlan, type Plan } from './plan.js';
import { Ticket } from './ticket.js';

type Verdict = Admission | Refusal;

/**
 * The one atomic decision about a call: a slot in every limit and a hold in every budget that applies, or a refusal that
 * explains itself. The cheap bound decides nearly always; only where it would refuse, clamp or wait are the tokens counted.
 */
@Injectable()
export class Admissions {
  constructor(
    private readonly limits: RateLimits,
    private readonly budgets: Budgets,
    private readonly counters: Counters,
    private readonly config: Config,
  ) {}

  /** Synchronous when nothing has to be counted or waited for. Throws what `explain` of the refusing room says: a budget's refusal first, then a limit's. */
  admit(call: Call, asked: Asked, plan: Plan): Ticket | Promise<Ticket> {
    if (this.budgets.isOpen(asked.principal, plan.atMs)) return this.#admitCheaply(call, asked, plan);
    return this.budgets.open(asked.principal, plan.atMs).then(() => this.#admitCheaply(call, asked, plan));
  }

  /** A retry on another deployment takes that deployment's own limits too; false when they are used up. */
  async extend(call: Call, ticket: Ticket, candidate: Candidate, facts: CallFacts): Promise<boolean> {
    const claims: Claim[] = [];
    this.limits.deploymentClaims(candidate.deployment, limitedCall(ticket.plan, facts), claims);
    if (claims.length === 0) return true;
    const id = call.nextAdmissionId();
    const verdict = await this.counters.admit({ id, claims, waitMs: 0 });
    if (verdict.admitted) ticket.alsoHolds(id);
    return verdict.admitted;
  }

  /** Replaces what the call holds by what it used. Twice changes nothing. */
  settle(ticket: Ticket): void {
    for (const id of ticket.ids) void this.counters.settle(id, ticket.used);
  }

  #admitCheaply(call: Call, asked: Asked, plan: Plan, from = 0): Ticket | Promise<Ticket> {
    const id = call.nextAdmissionId();
    const verdict = this.counters.admit({
      id,
      claims: this.#claims(asked, asked.facts, plan, from),
      waitMs: 0,
    });
    if (verdict instanceof Promise)
      return verdict.then((one) => this.#judge(call, id, asked, plan, from, one));
    return this.#judge(call, id, asked, plan, from, verdict);
  }

  #judge(
    call: Call,
    id: string,
    asked: Asked,
    plan: Plan,
    at: number,
    verdict: Verdict,
  ): Ticket | Promise<Ticket> {
    if (verdict.admitted && !verdict.clamped) return this.#ticket(id, asked, asked.facts, plan, at, verdict);
    if (!verdict.admitted && isDeploymentOnly(verdict)) {
      if (at + 1 < plan.candidates.length) return this.#admitCheaply(call, asked, plan, at + 1);
      throw this.limits.explain(verdict);
    }
    if (!verdict.admitted && !mayPassWhenCounted(verdict)) throw this.#explain(verdict, asked.principal);
    if (verdict.admitted) void this.counters.settle(verdict.id, NOTHING_USED);
    return this.#admitCounted(call, asked, plan, at);
  }

  /** The slow way: count the tokens, then wait in line if money is only held by others. */
  async #admitCounted(call: Call, asked: Asked, plan: Plan, at: number): Promise<Ticket> {
    const { deployment, upstreamModel } = plan.candidates[at] ?? {};
    const inputTokenBound = deployment
      ? await tightenInputBound(
          asked.body.bytes,
          asked.facts.inputTokenBound,
          deployment.provider,
          upstreamModel ?? '',
        )
      : asked.facts.inputTokenBound;
    const facts = { ...asked.facts, inputTokenBound };
    const deployments = plan.candidates.map((candidate) => candidate.deployment);
    const counted = makePlan(asked, facts, plan.resolution, deployments, this.budgets, plan.atMs);
    const gone = new AbortController();
    call.whenGone(() => gone.abort());
    const id = call.nextAdmissionId();
    const verdict = await this.counters.admit({
      id,
      claims: this.#claims(asked, facts, counted, at),
      waitMs: this.config.budgets.maxWaitMs,
      signal: gone.signal,
    });
    call.whenGone(undefined);
    if (!verdict.admitted) throw this.#explain(verdict, asked.principal);
    return this.#ticket(id, asked, facts, counted, at, verdict);
  }

  #claims(asked: Asked, facts: CallFacts, plan: Plan, at: number): Claim[] {
    const claims: Claim[] = [];
    const call = limitedCall(plan, facts);
    this.limits.claims(asked.principal, call, claims);
    const candidate = plan.candidates[at];
    if (candidate) this.limits.deploymentClaims(candidate.deployment, call, claims);
    this.budgets.claims(asked.principal, plan.bound, plan.atMs, claims);
    return claims;
  }

  #ticket(id: string, asked: Asked, facts: CallFacts, plan: Plan, at: number, admission: Admission): Ticket {
    const caps = [
      this.limits.outputCap(limitedCall(plan, facts), admission),
      plan.bound.statedOutputTokens,
      admission.clamped ? this.#affordable(admission, plan.bound, id) : undefined,
      facts.endpoint === 'embeddings' ? undefined : this.config.calls.maxTokens,
    ];
    return new Ticket(id, admission, plan, at, lowest(caps), asked.callerCap);
  }

  #affordable(admission: Admission, bound: Bound, id: string): number {
    const tokens = clampedOutputTokens(admission.grantedNanoUsd, bound);
    if (tokens !== undefined) return tokens;
    // The counters grant at least the minimal answer; less would be a defect, and must not cost anybody money.
    void this.counters.settle(id, NOTHING_USED);
    throw new Error('a clamped grant does not pay the minimal answer');
  }

  /** The budget's reason first (the contract's order), then the limit's. */
  #explain(refusal: Refusal, principal: Principal): GatewayError {
    return this.budgets.explain(refusal, principal) ?? this.limits.explain(refusal);
  }
}

const NOTHING_USED: Settlement = Object.freeze({
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
  costNanoUsd: 0n,
});

function limitedCall(plan: Plan, facts: CallFacts): LimitedCall {
  return { modelGroup: plan.resolution.group, tokensBound: plan.bound.inputTokens, facts };
}

/** Counting tokens helps where tokens or money were refused, and not where the budget is used up to the last dollar. */
function mayPassWhenCounted(refusal: Refusal): boolean {
  return refusal.refused.every(({ claim, current }) => {
    if (claim.kind === 'money') return current < claim.capNanoUsd;
    return claim.kind !== 'gauge' && claim.measure !== 'requests';
  });
}

function lowest(caps: readonly (number | undefined)[]): number | undefined {
  let least: number | undefined;
  for (const cap of caps) if (cap !== undefined && (least === undefined || cap < least)) least = cap;
  return least;
}
