import type { NanoUsd, Principal, Scope, ScopeBudget } from '#libs/kernel';
import { counterKey, lifetimeKey } from './counter-key.js';
import { PeriodClock } from './period-clock.js';
import { LIFETIME, type Period } from './periods.js';

/** One balance a call's cost is added to: a scope, and the period of one of its budgets (`total` never resets). */
export interface Charge {
  readonly scope: Scope;
  /** `total` for the lifetime sum every scope has; else the budget's name. */
  readonly budget: string;
  /** Pure function of (duration, zone, anchor, instant of admission). */
  readonly periodId: string;
  /** Counter key of the money counter, when one is claimed. */
  readonly counterKey?: string;
  /** The budget it counts in, here; never stored. */
  readonly prepared?: PreparedBudget;
}

export interface PeriodSettings {
  readonly timezone: string;
  readonly resetTime: string;
}

/** One budget of a principal and where it stands in time. */
export class PreparedBudget {
  key: string;
  period: Period | undefined;
  /** True when the period before this one was counted by this process to its end: then this one began at zero here. */
  continues = false;
  readonly #clock: PeriodClock | undefined;

  constructor(
    readonly budget: ScopeBudget,
    settings: PeriodSettings,
    nowMs: number,
  ) {
    if (budget.duration === undefined) {
      this.key = lifetimeKey(budget.scope);
      return;
    }
    this.#clock = new PeriodClock(
      { duration: budget.duration, anchorMs: budget.anchorMs, ...settings },
      nowMs,
    );
    this.period = this.#clock.at(nowMs);
    this.key = counterKey(budget.scope, budget.name, this.period.id);
  }

  /** What may be spent at that instant: with the temporary increase, until it ends. */
  capAt(nowMs: number): NanoUsd {
    const { capNanoUsd, increase } = this.budget;
    return increase === undefined || nowMs >= increase.endsAtMs ? capNanoUsd : capNanoUsd + increase.nanoUsd;
  }

  /** Moves to the period of `nowMs`; true when it is another one. `wasOpen`: whether the counter left behind was counting. */
  moveTo(nowMs: number, wasOpen: (key: string) => boolean): boolean {
    const before = this.period;
    if (this.#clock === undefined || before === undefined) return false;
    const period = this.#clock.at(nowMs);
    if (period === before) return false;
    this.continues = before.endsAtMs === period.startsAtMs && wasOpen(this.key);
    this.period = period;
    this.key = counterKey(this.budget.scope, this.budget.name, period.id);
    return true;
  }
}

/** A principal's budgets and the charges of its calls, made once and renewed when a period ends. */
export class PreparedPrincipal {
  readonly budgets: readonly PreparedBudget[];
  /** What the key's spend is shown from: its budget, or the sum of its life when it has none. */
  readonly shown: PreparedBudget | undefined;
  /** Counted in, never claimed. */
  readonly #unbound: readonly PreparedBudget[];
  #charges: readonly Charge[];

  constructor(
    private readonly principal: Principal,
    settings: PeriodSettings,
    nowMs: number,
  ) {
    this.budgets = principal.budgets.map((budget) => new PreparedBudget(budget, settings, nowMs));
    this.shown =
      this.budgets.find(({ budget }) => budget.scope.type === 'key') ?? lifeOfKey(principal, settings, nowMs);
    this.#unbound = (principal.unboundBudgets ?? []).map(
      (budget) => new PreparedBudget(budget, settings, nowMs),
    );
    this.#charges = this.#makeCharges();
  }

  get charges(): readonly Charge[] {
    return this.#charges;
  }

  moveTo(nowMs: number, wasOpen: (key: string) => boolean): void {
    let moved = false;
    for (const prepared of this.budgets) if (prepared.moveTo(nowMs, wasOpen)) moved = true;
    for (const prepared of this.#unbound) if (prepared.moveTo(nowMs, wasOpen)) moved = true;
    if (moved) this.#charges = this.#makeCharges();
  }

  #makeCharges(): Charge[] {
    const charges = chargesOf(this.principal.spendScopes, this.budgets);
    for (const { budget, period } of this.#unbound)
      if (period) charges.push({ scope: budget.scope, budget: budget.name, periodId: period.id });
    return charges;
  }
}

/** One charge for the life of each scope, and one for the current period of each budget that has periods. */
export function chargesOf(spendScopes: readonly Scope[], budgets: readonly PreparedBudget[]): Charge[] {
  const claimed = new Map(budgets.map((prepared) => [prepared.key, prepared]));
  const charges = new Map<string, Charge>();
  for (const scope of [...spendScopes, ...budgets.map(({ budget }) => budget.scope)]) {
    const key = lifetimeKey(scope);
    const prepared = claimed.get(key);
    charges.set(key, {
      scope,
      budget: LIFETIME,
      periodId: LIFETIME,
      ...(prepared && { counterKey: key, prepared }),
    });
  }
  for (const prepared of budgets) {
    const { budget, period, key } = prepared;
    if (period)
      charges.set(key, {
        scope: budget.scope,
        budget: budget.name,
        periodId: period.id,
        counterKey: key,
        prepared,
      });
  }
  return [...charges.values()];
}

function lifeOfKey(
  principal: Principal,
  settings: PeriodSettings,
  nowMs: number,
): PreparedBudget | undefined {
  if (!principal.key) return undefined;
  const scope = { type: 'key', id: principal.key.id } as const;
  return new PreparedBudget({ scope, name: 'main', capNanoUsd: 0n, anchorMs: 0 }, settings, nowMs);
}
