import { Injectable } from '@nestjs/common';
import { type Bound, Budgets, clampedOutputTokens, tightenInputBound } from '#libs/budget';
import { Config } from '#libs/config';
import {
  type Admission,
  type Claim,
  Counters,
  type GaugeClaim,
  type Refusal,
  type RefusedClaim,
  type Settlement,
} from '#libs/counters';
import { type CallFacts, type GatewayError, type NanoUsd, newId, PROXY_SCOPE } from '#libs/kernel';
import { RateLimits } from '#libs/ratelimit';
import { Router } from '#libs/routing';
import {
  AdmissionRefusals,
  hasPeriodEnded,
  hasMoneyLeft,
  isKeysMoney,
  isUpstreamOnly,
  mayPassWhenCounted,
} from './admission-refusals.js';
import type { Call } from './call.js';
import type { Asked } from './entrance.js';
import { limitedCall } from './limited-call.js';
import { type Candidate, makePlan, type Plan } from './plan.js';
import { Ticket } from './ticket.js';
import { type Verdict, Verdicts } from './verdicts.js';

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
    private readonly router: Router,
    private readonly refusals: AdmissionRefusals,
    private readonly verdicts: Verdicts,
  ) {}

  /** Synchronous when nothing has to be counted or waited for. Throws what `explain` of the refusing room says: a budget's refusal first, then a limit's. */
  admit(call: Call, asked: Asked, plan: Plan): Ticket | Promise<Ticket> {
    const { principal } = asked;
    if (this.budgets.isOpen(principal, plan.atMs, plan.deployments))
      return this.#admitFrom(call, asked, plan, 0, NOTHING_PASSED);
    return this.budgets
      .open(principal, plan.atMs, plan.deployments)
      .then(() => this.#admitFrom(call, asked, plan, 0, NOTHING_PASSED));
  }

  /**
   * What would refuse the call now; undefined when it would be admitted, or wait for money that others hold. Takes nothing: among the
   * claims is one that nobody can have, and what is not taken whole is not taken at all.
   */
  async examine(asked: Asked, plan: Plan): Promise<GatewayError | undefined> {
    const { principal, facts } = asked;
    if (!this.budgets.isOpen(principal, plan.atMs, plan.deployments))
      await this.budgets.open(principal, plan.atMs, plan.deployments);
    const reasons: RefusedClaim[] = [];
    for (let at = 0; at < plan.candidates.length; at += 1) {
      let refusal = await this.#wouldRefuse(asked, facts, plan, at, false);
      if (refusal && isKeysMoney(refusal) && this.limits.canThrottle(principal))
        refusal = await this.#wouldRefuse(asked, facts, plan, at, true);
      if (refusal === undefined) return undefined;
      if (!isUpstreamOnly(refusal)) return this.refusals.of(refusal, principal);
      reasons.push(...refusal.refused);
    }
    return this.refusals.ofUpstreams(reasons);
  }

  async #wouldRefuse(
    asked: Asked,
    facts: CallFacts,
    plan: Plan,
    at: number,
    throttled: boolean,
  ): Promise<Refusal | undefined> {
    const claims = [...this.#claims(asked, facts, plan, at, throttled), NOBODYS];
    const verdict = await this.verdicts.of(
      { id: newId('req'), claims, waitMs: 0 },
      asked.principal,
      plan.atMs,
      plan.deployments,
    );
    if (verdict.admitted) throw new Error('what nobody can have was given');
    const refused = verdict.refused.filter(({ claim }) => claim.key !== NOBODYS.key);
    return refused.length === 0 ? undefined : { ...verdict, refused };
  }

  /** A retry on another deployment takes that deployment's own limits and budgets too; false when they are used up. */
  async extend(
    call: Call,
    ticket: Ticket,
    candidate: Candidate,
    { principal, facts }: Asked,
  ): Promise<boolean> {
    const { plan } = ticket;
    const claims: Claim[] = [];
    this.limits.deploymentClaims(candidate.deployment, limitedCall(plan, facts, principal), claims);
    this.budgets.upstreamClaims(candidate.deployment, plan.bound, plan.atMs, claims);
    if (claims.length === 0) return true;
    const id = call.nextAdmissionId();
    const verdict = await this.verdicts.of({ id, claims, waitMs: 0 }, principal, plan.atMs, plan.deployments);
    // Part of the money is not enough here: the cap that was sent upstream stands for what the call holds already.
    if (verdict.admitted && verdict.clamped && verdict.grantedNanoUsd < ticket.grantedNanoUsd) {
      void this.counters.settle(id, NOTHING_USED);
      return false;
    }
    if (verdict.admitted) ticket.alsoHolds(id, candidate);
    return verdict.admitted;
  }

  /** The provider told early what the input was: what is held beyond that is free for others. */
  amend(ticket: Ticket, holdNanoUsd: NanoUsd): void {
    if (holdNanoUsd < ticket.grantedNanoUsd) this.counters.amend(ticket.id, holdNanoUsd);
  }

  /** Replaces what the call holds by what it used. Twice changes nothing. */
  settle(ticket: Ticket): void {
    if (ticket.isSettled) return;
    ticket.isSettled = true;
    void this.counters.settle(ticket.id, ticket.used);
    let elsewhere: NanoUsd = 0n;
    for (const { id, used } of ticket.extensions) {
      void this.counters.settle(id, used.settlement());
      elsewhere += used.costNanoUsd;
    }
    const [admitted] = ticket.candidates;
    if (elsewhere > 0n && admitted)
      this.budgets.paidElsewhere(admitted.deployment, elsewhere, ticket.plan.atMs);
  }

  /** Tries the candidates in turn, passing by those whose own budgets are used up. `passed`: what stood in the way so far. */
  #admitFrom(
    call: Call,
    asked: Asked,
    plan: Plan,
    from: number,
    passed: Passed,
    throttled = false,
  ): Ticket | Promise<Ticket> {
    let at = from;
    for (let candidate = plan.candidates[at]; candidate; candidate = plan.candidates[at]) {
      const exhausted = this.budgets.exhausted(candidate.deployment, plan.bound, plan.atMs);
      if (exhausted === undefined) break;
      passed = { ...passed, reasons: [...passed.reasons, ...exhausted] };
      at += 1;
    }
    if (at >= plan.candidates.length) {
      if (passed.countableAt === undefined) throw this.refusals.ofUpstreams(passed.reasons);
      return this.#admitCounted(call, asked, plan, passed.countableAt, throttled);
    }
    const id = call.nextAdmissionId();
    const claims = call.untaken(this.#claims(asked, asked.facts, plan, at, throttled));
    const verdict = this.verdicts.of({ id, claims, waitMs: 0 }, asked.principal, plan.atMs, plan.deployments);
    if (verdict instanceof Promise)
      return verdict.then((one) => this.#judge(call, asked, plan, at, one, { ...passed, throttled }));
    return this.#judge(call, asked, plan, at, verdict, { ...passed, throttled });
  }

  #judge(
    call: Call,
    asked: Asked,
    plan: Plan,
    at: number,
    verdict: Verdict,
    { reasons, countableAt, throttled }: Passed & { readonly throttled: boolean },
  ): Ticket | Promise<Ticket> {
    if (verdict.admitted && !verdict.clamped)
      return this.#ticket(verdict.id, asked, asked.facts, plan, at, verdict);
    if (!verdict.admitted) {
      if (isUpstreamOnly(verdict)) {
        const passed = {
          reasons: [...reasons, ...verdict.refused],
          // Money that calls in flight hold comes back, and counted tokens may fit: worth a second look where nobody else serves.
          countableAt: countableAt ?? (hasMoneyLeft(verdict) ? at : undefined),
        };
        return this.#admitFrom(call, asked, plan, at + 1, passed, throttled);
      }
      if (!throttled && isKeysMoney(verdict) && this.limits.canThrottle(asked.principal))
        return this.#admitFrom(call, asked, plan, at, { reasons, countableAt }, true);
      if (!mayPassWhenCounted(verdict)) throw this.refusals.of(verdict, asked.principal);
    } else void this.counters.settle(verdict.id, NOTHING_USED);
    return this.#admitCounted(call, asked, plan, at, throttled);
  }

  /** The slow way: count the tokens, then wait in line if money is only held by others; one candidate after the other. */
  async #admitCounted(
    call: Call,
    asked: Asked,
    plan: Plan,
    first: number,
    throttled: boolean,
  ): Promise<Ticket> {
    const facts = await this.#counted(asked, plan.candidates[first]);
    const counted = makePlan(asked, facts, plan.resolution, plan.deployments, this.budgets, plan.atMs);
    const gone = new AbortController();
    call.whenGone(() => gone.abort());
    const reasons: RefusedClaim[] = [];
    for (let tried = 0; tried < counted.candidates.length; tried += 1) {
      const at = (first + tried) % counted.candidates.length;
      const id = call.nextAdmissionId();
      const claims = call.untaken(this.#claims(asked, facts, counted, at, throttled));
      const waitMs = Math.max(0, this.config.budgets.maxWaitMs - call.waitedMs);
      const request = { id, claims, waitMs, signal: gone.signal };
      const verdict = await this.verdicts.of(request, asked.principal, counted.atMs, counted.deployments);
      call.waitedMs += verdict.waitedMs;
      if (verdict.admitted) {
        call.whenGone(undefined);
        return this.#ticket(id, asked, facts, counted, at, verdict);
      }
      if (hasPeriodEnded(verdict, Date.now())) return this.#admitNow(call, asked, plan);
      if (!throttled && isKeysMoney(verdict) && this.limits.canThrottle(asked.principal))
        return this.#admitFrom(call, asked, plan, at, NOTHING_PASSED, true);
      if (!isUpstreamOnly(verdict)) throw this.refusals.of(verdict, asked.principal);
      reasons.push(...verdict.refused);
    }
    throw this.refusals.ofUpstreams(reasons);
  }

  /** A budget that was waited for has started again meanwhile: what it holds now is asked, and the call is one of its new period. */
  #admitNow(call: Call, asked: Asked, { resolution, deployments }: Plan): Ticket | Promise<Ticket> {
    const plan = makePlan(asked, asked.facts, resolution, deployments, this.budgets, Date.now());
    return this.admit(call, asked, plan);
  }

  async #counted({ body, facts }: Asked, candidate: Candidate | undefined): Promise<CallFacts> {
    if (candidate === undefined) return facts;
    const { deployment, upstreamModel } = candidate;
    const { inputTokenBound } = facts;
    const tight = await tightenInputBound(body, inputTokenBound, deployment, upstreamModel);
    return { ...facts, inputTokenBound: tight };
  }

  #claims(asked: Asked, facts: CallFacts, plan: Plan, at: number, throttled: boolean): Claim[] {
    const claims: Claim[] = [];
    const call = limitedCall(plan, facts, asked.principal);
    const { deployments } = plan.resolution;
    const isHealthy = asked.principal.relaxedLimits !== undefined && this.router.isHealthy(deployments);
    this.limits.claims(asked.principal, call, claims, throttled, isHealthy);
    this.limits.poolClaims(asked.principal, call, deployments, claims);
    const candidate = plan.candidates[at];
    if (candidate) {
      this.limits.deploymentClaims(candidate.deployment, call, claims);
      this.budgets.upstreamClaims(candidate.deployment, plan.bound, plan.atMs, claims);
    }
    this.budgets.claims(asked.principal, plan.bound, plan.atMs, claims, throttled ? 'key' : undefined);
    return claims;
  }

  #ticket(id: string, asked: Asked, facts: CallFacts, plan: Plan, at: number, admission: Admission): Ticket {
    const caps = [
      this.limits.outputCap(limitedCall(plan, facts, asked.principal), admission),
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
}

/** What candidates that were passed by refused, and the first of them that a closer look may find able. */
interface Passed {
  readonly reasons: readonly RefusedClaim[];
  readonly countableAt: number | undefined;
}

const NOTHING_PASSED: Passed = Object.freeze({ reasons: [], countableAt: undefined });

/** A limit of none: with it among the claims, an admission is refused whatever the others say, and each of them still says it. */
const NOBODYS: GaugeClaim = Object.freeze({
  kind: 'gauge',
  key: 'parallel:nobody',
  scope: PROXY_SCOPE,
  limit: 0,
});

const NOTHING_USED: Settlement = Object.freeze({
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
  costNanoUsd: 0n,
});

function lowest(caps: readonly (number | undefined)[]): number | undefined {
  let least: number | undefined;
  for (const cap of caps) if (cap !== undefined && (least === undefined || cap < least)) least = cap;
  return least;
}
