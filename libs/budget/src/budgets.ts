import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '#libs/config';
import { type Claim, Counters, type Refusal, type RefusedClaim } from '#libs/counters';
import {
  type CallFacts,
  Clock,
  type Denial,
  GatewayError,
  type NanoUsd,
  type Principal,
  type ScopeType,
  type Usage,
} from '#libs/kernel';
import type { Deployment, Resolution } from '#libs/routing';
import { Logger } from '#libs/telemetry';
import { BegunPeriods } from './begun-periods.js';
import { type Bound, boundOf, costsNothing } from './bounds.js';
import { type CallEnding, type ChargedCost, chargeAt } from './charge-rules.js';
import { counterKey } from './counter-key.js';
import { explainRefusal, explainUpstreams } from './explain.js';
import { BalanceStore } from './ledger/balance-store.js';
import { SpendLedger } from './ledger/spend-ledger.js';
import { moneyClaim } from './money-claim.js';
import { Opener, openingOf } from './opener.js';
import { type Cost, costOf, NO_COST } from './price-book/cost.js';
import { PriceBook } from './price-book/price-book.js';
import { type Charge, type PreparedBudget, PreparedPrincipal, type PeriodSettings } from './prepared.js';
import { UpstreamBudgets } from './upstream-budgets.js';

const NOBODY: readonly Deployment[] = Object.freeze([]);

/** Which budgets a call counts in, what it may cost at most, and what it did cost. */
@Injectable()
export class Budgets implements OnApplicationShutdown {
  readonly #prepared = new WeakMap<Principal, PreparedPrincipal>();
  /** Counters that a call adds to without having claimed them: lifetimes, and budgets that do not bind it. */
  readonly #unclaimed = new WeakMap<readonly Charge[], readonly string[]>();
  readonly #joinedCharges = new WeakMap<readonly Charge[], WeakMap<readonly Charge[], readonly Charge[]>>();
  readonly #settings: PeriodSettings;
  readonly #upstreams: UpstreamBudgets;
  readonly #opener: Opener;
  readonly #begun: BegunPeriods;
  #whenSettled: ((charges: readonly Charge[]) => void) | undefined;

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly counters: Counters,
    private readonly ledger: SpendLedger,
    balances: BalanceStore,
    private readonly prices: PriceBook,
    logger: Logger,
  ) {
    this.#settings = { timezone: config.budgets.timezone, resetTime: config.budgets.resetTime };
    this.#upstreams = new UpstreamBudgets(config, this.#settings, counters);
    this.#opener = new Opener(counters, ledger, balances);
    this.#begun = new BegunPeriods(balances, logger);
    ledger.onRecovered(({ id, charges, costNanoUsd }) => {
      const keys = charges.map(({ scope, budget, periodId }) => counterKey(scope, budget, periodId));
      // Our id is the request's and the attempt's.
      counters.recover(id.slice(0, id.lastIndexOf('.')), keys, costNanoUsd);
    });
    ledger.onBuried((writer) => counters.bury(writer));
  }

  /**
   * Whether the caller's counters are all loaded, so that `claims` may be asked without waiting. Call it with the instant
   * of admission, before `claims` and `charges` with the same instant. A period that begins while this process counts opens at zero here.
   */
  isOpen(principal: Principal, nowMs: number, deployments: readonly Deployment[] = NOBODY): boolean {
    let open = this.#areOpen(this.#of(principal, nowMs).budgets);
    for (const deployment of deployments) {
      const { budgets } = this.#upstreams.at(deployment, nowMs);
      if (budgets.length > 0 && !this.#areOpen(budgets)) open = false;
    }
    return open;
  }

  #areOpen(budgets: readonly PreparedBudget[]): boolean {
    let open = true;
    for (const prepared of budgets) {
      if (this.counters.isOpen(prepared.key)) continue;
      // What a period begins with is in PostgreSQL where the last one's excess is carried over, or calls counted in it that claimed nothing.
      const startsAtZero =
        prepared.continues && !this.config.budgets.rollover && !this.#countsUnclaimed(prepared);
      const opening = startsAtZero ? openingOf(prepared) : undefined;
      if (opening) {
        // A store that answers later is waited for in `open`, which finds the counter open by then.
        if (this.counters.open(prepared.key, 0n, opening.endsAtMs) !== undefined) open = false;
        this.#begun.note(opening);
      } else {
        open = false;
      }
    }
    return open;
  }

  /** Calls through a team's key count in a period of their user's that they need not open. */
  #countsUnclaimed({ budget }: PreparedBudget): boolean {
    return budget.scope.type === 'user' && !this.config.budgets.applyUserBudgetToTeamKeys;
  }

  /** Loads every counter the caller needs that is not open. Throws `counters.unavailable` when PostgreSQL does not answer. */
  async open(
    principal: Principal,
    nowMs: number = this.clock.nowMs(),
    deployments: readonly Deployment[] = NOBODY,
  ): Promise<void> {
    try {
      const { budgets, shown } = this.#of(principal, nowMs);
      const wanted = new Set(budgets);
      if (shown) wanted.add(shown);
      for (const deployment of deployments)
        for (const budget of this.#upstreams.at(deployment, nowMs).budgets) wanted.add(budget);
      if (this.config.budgets.rollover) await this.ledger.flush();
      await this.#opener.open(wanted);
    } catch (cause) {
      throw new GatewayError(
        'counters.unavailable',
        'What this caller has spent cannot be read right now. Please try again shortly.',
        {
          cause,
          headers: { 'retry-after': '5' },
        },
      );
    }
  }

  /** Adds one money claim per budget of the caller; none for a model that costs nothing. Counters must be open. `spared`: a scope that pays otherwise. */
  claims(principal: Principal, bound: Bound, nowMs: number, out: Claim[], spared?: ScopeType): void {
    if (costsNothing(bound)) return;
    for (const prepared of this.#of(principal, nowMs).budgets)
      if (prepared.budget.scope.type !== spared) out.push(moneyClaim(prepared, bound, nowMs));
  }

  /** Adds one money claim per budget of the deployment and its provider; nearly always none. Counters must be open. */
  upstreamClaims(deployment: Deployment, bound: Bound, nowMs: number, out: Claim[]): void {
    this.#upstreams.claims(deployment, bound, nowMs, out);
  }

  /** Which budgets of the deployment and its provider are used up, by what is settled here; undefined when none is. */
  exhausted(deployment: Deployment, bound: Bound, nowMs: number): RefusedClaim[] | undefined {
    return this.#upstreams.exhausted(deployment, bound, nowMs);
  }

  /** A call that was admitted for one deployment was answered by another: what that cost is not the first one's. */
  paidElsewhere(deployment: Deployment, costNanoUsd: NanoUsd, nowMs: number): void {
    this.#upstreams.paidElsewhere(deployment, costNanoUsd, nowMs);
  }

  /** What the caller's key has spent, in its budget's period or in its life; undefined without a key, or when that is not loaded. */
  spentByKey(principal: Principal): NanoUsd | undefined {
    const key = this.#prepared.get(principal)?.shown?.key;
    return key === undefined ? undefined : this.counters.balance(key)?.settledNanoUsd;
  }

  /** Every balance the call's cost is added to, for its begin record. The same array for all calls of a period. */
  charges(principal: Principal, nowMs: number, deployment?: Deployment): readonly Charge[] {
    const { charges } = this.#of(principal, nowMs);
    if (deployment === undefined) return charges;
    const upstream = this.#upstreams.at(deployment, nowMs).charges;
    return upstream.length === 0 ? charges : this.#joined(charges, upstream);
  }

  #joined(charges: readonly Charge[], upstream: readonly Charge[]): readonly Charge[] {
    let known = this.#joinedCharges.get(charges);
    if (!known) this.#joinedCharges.set(charges, (known = new WeakMap()));
    let joined = known.get(upstream);
    if (!joined) known.set(upstream, (joined = [...charges, ...upstream]));
    return joined;
  }

  /**
   * Call it together with `SpendLedger.end` and `Counters.settle`, in one synchronous step: adds the cost to counters that
   * were opened while the call ran and that it therefore never claimed (a budget given to a key with calls in flight).
   */
  settled(charges: readonly Charge[], costNanoUsd: NanoUsd): void {
    let keys = this.#unclaimed.get(charges);
    if (!keys) {
      keys = charges
        .filter((charge) => charge.counterKey === undefined)
        .map(({ scope, budget, periodId }) => counterKey(scope, budget, periodId));
      this.#unclaimed.set(charges, keys);
    }
    if (keys.length > 0) this.counters.follow(keys, costNanoUsd);
    if (costNanoUsd > 0n) this.#whenSettled?.(charges);
  }

  /** `listener` hears of the charges of every call that cost something, in the step that settles it: it must only take a note. */
  onSettled(listener: (charges: readonly Charge[]) => void): void {
    this.#whenSettled = listener;
  }

  /** Those of a group's deployments whose price is known, where the operator serves no others; all of them where none has one, so that it is said. */
  payable(
    deployments: readonly Deployment[],
    nowMs: number,
    resolution: Pick<Resolution, 'upstreamModel'>,
  ): readonly Deployment[] {
    if (!this.config.budgets.blockUnpricedModels || deployments.length < 2) return deployments;
    const priced = deployments.filter(
      (one) => this.prices.priceOf(one, resolution.upstreamModel(one)).ratesAt(nowMs) !== undefined,
    );
    return priced.length === 0 ? deployments : priced;
  }

  /** What the call may cost at most. Throws `budget.price_missing` for a model without a price when the operator wants that. */
  bound(
    facts: CallFacts,
    deployment: Deployment,
    nowMs: number,
    options: { upstreamModel?: string; noCacheWrites?: boolean } = {},
  ): Bound {
    const price = this.prices.priceOf(deployment, options.upstreamModel);
    const bound = boundOf(facts, deployment, price, {
      nowMs,
      ...(options.noCacheWrites ? { noCacheWrites: true } : {}),
    });
    if (!bound.priced && this.config.budgets.blockUnpricedModels) {
      throw new GatewayError(
        'budget.price_missing',
        `No price is known for model ${facts.requestedModel}, and models without a price are not served.`,
        {
          param: 'model',
          denial: {
            code: 'budget.price_missing',
            scope: { type: 'model', id: facts.requestedModel },
            wouldAllow: 'Set input_cost_per_token and output_cost_per_token on the model.',
          },
        },
      );
    }
    return bound;
  }

  /** What a reported usage costs; zero for a model without a price. `nowMs`: the instant of admission. */
  cost(deployment: Deployment, usage: Usage, nowMs: number, upstreamModel?: string): Cost {
    const rates = this.prices.priceOf(deployment, upstreamModel).ratesAt(nowMs);
    return rates ? costOf(rates, usage) : NO_COST;
  }

  /** What a call costs however it ended; the rules are `chargeFor`'s. */
  charge(deployment: Deployment, ending: CallEnding, nowMs: number, upstreamModel?: string): ChargedCost {
    return chargeAt(this.prices.priceOf(deployment, upstreamModel), ending, nowMs);
  }

  /** `genai-prices@…` of a deployment, for the begin record. */
  priceVersion(deployment: Deployment, upstreamModel?: string): string {
    return this.prices.priceOf(deployment, upstreamModel).version;
  }

  /** Tokens a deployment's model can take in all; undefined when nobody knows. */
  contextWindow(deployment: Deployment, upstreamModel?: string): number | undefined {
    return this.prices.priceOf(deployment, upstreamModel).contextWindow;
  }

  /** The error for a refusal that has a money claim in it; undefined when money was not the reason. `others`: what limits refused beside it. */
  explain(refusal: Refusal, principal?: Principal, others: readonly Denial[] = []): GatewayError | undefined {
    return explainRefusal(refusal, {
      others,
      status: this.config.budgets.exceededStatus,
      nowMs: this.clock.nowMs(),
      principal,
    });
  }

  /** The error when every deployment that could serve a call is over a budget of its own. */
  explainUpstreams(refused: readonly RefusedClaim[]): GatewayError {
    return explainUpstreams(refused, this.config.budgets.exceededStatus, this.clock.nowMs());
  }

  onApplicationShutdown(): void {
    this.#begun.stop();
  }

  #of(principal: Principal, nowMs: number): PreparedPrincipal {
    let prepared = this.#prepared.get(principal);
    if (!prepared)
      this.#prepared.set(principal, (prepared = new PreparedPrincipal(principal, this.#settings, nowMs)));
    else prepared.moveTo(nowMs, this.#wasOpen);
    return prepared;
  }

  #wasOpen = (key: string): boolean => this.counters.isOpen(key);
}
