import type { Config } from '#libs/config';
import type { Claim, Counters, RefusedClaim } from '#libs/counters';
import type { NanoUsd, ScopeBudget } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { type Bound, costsNothing } from './bounds.js';
import { findDuration } from './duration.js';
import { moneyClaim } from './money-claim.js';
import { type Charge, chargesOf, PreparedBudget, type PeriodSettings } from './prepared.js';

/** The budgets of one deployment and of its provider, where they stand in time, and the charges of calls to it. */
export class PreparedUpstream {
  readonly budgets: readonly PreparedBudget[];
  charges: readonly Charge[];

  constructor(budgets: readonly PreparedBudget[]) {
    this.budgets = budgets;
    this.charges = chargesOf(
      budgets.map(({ budget }) => budget.scope),
      budgets,
    );
  }

  moveTo(nowMs: number, wasOpen: (key: string) => boolean): void {
    let moved = false;
    for (const prepared of this.budgets) if (prepared.moveTo(nowMs, wasOpen)) moved = true;
    if (moved)
      this.charges = chargesOf(
        this.budgets.map(({ budget }) => budget.scope),
        this.budgets,
      );
  }
}

const NONE = new PreparedUpstream([]);

/** Budgets that no caller has but the upstreams do: `provider_budget_config`, and `max_budget` of a deployment. */
export class UpstreamBudgets {
  readonly #ofDeployment = new WeakMap<Deployment, PreparedUpstream>();

  constructor(
    private readonly config: Config,
    private readonly settings: PeriodSettings,
    private readonly counters: Counters,
  ) {}

  /** Where they stand at an instant. The same empty object for every deployment without a budget. */
  at(deployment: Deployment, nowMs: number): PreparedUpstream {
    const known = this.#ofDeployment.get(deployment);
    if (known === NONE) return NONE;
    if (known === undefined) return this.#prepare(deployment, nowMs);
    known.moveTo(nowMs, this.#wasOpen);
    return known;
  }

  /** Adds one money claim for each of them; nearly always none. Their counters must be open. */
  claims(deployment: Deployment, bound: Bound, nowMs: number, out: Claim[]): void {
    const { budgets } = this.at(deployment, nowMs);
    if (budgets.length === 0 || costsNothing(bound)) return;
    for (const prepared of budgets) out.push(moneyClaim(prepared, bound, nowMs));
  }

  /** Which of them are used up, by what is settled here; undefined when none is. */
  exhausted(deployment: Deployment, bound: Bound, nowMs: number): RefusedClaim[] | undefined {
    const { budgets } = this.at(deployment, nowMs);
    if (budgets.length === 0 || costsNothing(bound)) return undefined;
    let refused: RefusedClaim[] | undefined;
    for (const prepared of budgets) {
      const settled = this.counters.balance(prepared.key)?.settledNanoUsd ?? 0n;
      if (settled < prepared.capAt(nowMs)) continue;
      const endsAtMs = prepared.period?.endsAtMs;
      (refused ??= []).push({
        claim: moneyClaim(prepared, bound, nowMs),
        reason: 'over',
        current: settled,
        ...(endsAtMs === undefined ? {} : { retryAfterMs: Math.max(1, endsAtMs - nowMs) }),
      });
    }
    return refused;
  }

  /** A call that was admitted for this deployment was answered by another: what that cost is not this one's. */
  paidElsewhere(deployment: Deployment, costNanoUsd: NanoUsd, nowMs: number): void {
    const { budgets } = this.at(deployment, nowMs);
    if (budgets.length > 0)
      this.counters.follow(
        budgets.map(({ key }) => key),
        -costNanoUsd,
      );
  }

  #prepare(deployment: Deployment, nowMs: number): PreparedUpstream {
    const budgets = upstreamBudgetsOf(deployment, this.config);
    const prepared =
      budgets.length === 0
        ? NONE
        : new PreparedUpstream(budgets.map((budget) => new PreparedBudget(budget, this.settings, nowMs)));
    this.#ofDeployment.set(deployment, prepared);
    return prepared;
  }

  #wasOpen = (key: string): boolean => this.counters.isOpen(key);
}

/** As budgets like any other's. A deployment's 0 is off, a provider's blocks (contract/limits 3.1). */
export function upstreamBudgetsOf(deployment: Deployment, { budgets }: Config): ScopeBudget[] {
  const { id, provider, maxBudgetNanoUsd = 0n, budgetDuration } = deployment;
  const ofProvider = Object.hasOwn(budgets.providers, provider) ? budgets.providers[provider] : undefined;
  const found: ScopeBudget[] = [];
  if (ofProvider !== undefined)
    found.push({ scope: { type: 'provider', id: provider }, name: 'main', anchorMs: 0, ...ofProvider });
  if (maxBudgetNanoUsd > 0n)
    found.push({
      scope: { type: 'deployment', id },
      name: 'main',
      anchorMs: 0,
      capNanoUsd: maxBudgetNanoUsd,
      ...(budgetDuration !== undefined && findDuration(budgetDuration) ? { duration: budgetDuration } : {}),
    });
  return found;
}
