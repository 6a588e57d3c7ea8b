import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '#libs/config';
import { Counters } from '#libs/counters';
import { Clock, dayOf, type NanoUsd, type Scope, usdNumber } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { Budgets } from '../budgets.js';
import type { Charge, PreparedBudget } from '../prepared.js';
import { AlertBook, type NewAlert } from './alert-book.js';
import { ownerMembers, ownersAddresses } from './owner-members.js';
import { ScopeFacts, type ScopeNames } from './scope-facts.js';
import { type BudgetFinding, findingsOf } from './thresholds.js';

/** How soon after a call its budgets are looked at. */
const LOOK_AFTER_MS = 1_000;

/** The contract's names for whose budget it is. */
const GROUPS: Readonly<Record<string, string>> = { customer: 'end_user' };

/**
 * Tells of budgets that come to their end. A call only leaves a note of its charges here; once a second what was noted is
 * judged by the counters that the calls themselves are judged by, so that nobody waits and nothing is asked of the database
 * until there is something to tell.
 */
@Injectable()
export class BudgetWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #noted = new Set<readonly Charge[]>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly budgets: Budgets,
    private readonly counters: Counters,
    private readonly book: AlertBook,
    private readonly facts: ScopeFacts,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    if (this.book.wants('budget_alerts')) this.budgets.onSettled((charges) => this.note(charges));
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Called for every call that ends. */
  note(charges: readonly Charge[]): void {
    this.#noted.add(charges);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#looking = this.look().catch((error: unknown) =>
        this.logger.warn(
          { error },
          'Alerts could not be written down; they are found again with the next call.',
        ),
      );
    }, LOOK_AFTER_MS).unref();
  }

  /** Judges everything that was noted. */
  async look(): Promise<void> {
    const nowMs = this.clock.nowMs();
    const due = [...this.#counting()].flatMap((budget) => this.#due(budget, nowMs));
    this.#noted.clear();
    if (due.length === 0) return;
    const names = await this.facts.of(due.map(({ prepared }) => prepared.budget.scope));
    await this.book.raise(due.map((each) => alertOf(each, names(each.prepared.budget.scope), nowMs)));
  }

  /** The budgets that the noted calls count in, each once. */
  *#counting(): Generator<CountingBudget> {
    const looked = new Set<string>();
    for (const { counterKey, prepared } of [...this.#noted].flat()) {
      if (counterKey === undefined || prepared === undefined || looked.has(counterKey)) continue;
      // A period that ended meanwhile has had its time to be told of.
      if (prepared.key !== counterKey) continue;
      looked.add(counterKey);
      const settledNanoUsd = this.counters.balance(counterKey)?.settledNanoUsd;
      if (settledNanoUsd !== undefined) yield { prepared, settledNanoUsd };
    }
  }

  /** What there is to tell of one, and was not told before as far as this process knows. */
  #due({ prepared, settledNanoUsd }: CountingBudget, nowMs: number): Due[] {
    const { budget, period } = prepared;
    const { thresholds } = this.config.alerts;
    const occasion = `${budget.name}@${period?.id ?? 'life'}`;
    return findingsOf(budget, prepared.capAt(nowMs), settledNanoUsd, period, nowMs, thresholds)
      .filter(
        ({ event, threshold }) => !this.book.isKnown({ event, scope: budget.scope, occasion, threshold }),
      )
      .map((finding) => ({ prepared, settledNanoUsd, finding, occasion }));
  }
}

/** A budget whose counter is open here, and what is settled in it. */
interface CountingBudget {
  readonly prepared: PreparedBudget;
  readonly settledNanoUsd: NanoUsd;
}

interface Due extends CountingBudget {
  readonly finding: BudgetFinding;
  /** In which life or period of the budget: it is told once in each. */
  readonly occasion: string;
}

function alertOf(due: Due, names: ScopeNames, nowMs: number): NewAlert {
  const { finding, prepared, occasion } = due;
  return {
    event: finding.event,
    scope: prepared.budget.scope,
    occasion,
    threshold: finding.threshold,
    payload: payloadOf(due, names, nowMs),
  };
}

/** The contract's body of a budget alert, and beside it what only we can say. */
function payloadOf(
  { prepared, settledNanoUsd, finding }: Due,
  names: ScopeNames,
  nowMs: number,
): Record<string, unknown> {
  const { budget, period } = prepared;
  const { scope, softCapNanoUsd } = budget;
  const capNanoUsd = prepared.capAt(nowMs);
  return {
    event: finding.event,
    event_group: GROUPS[scope.type] ?? scope.type,
    event_message: sentenceOf(scope, names, finding, capNanoUsd, settledNanoUsd),
    spend: usdNumber(settledNanoUsd),
    max_budget: usdNumber(capNanoUsd),
    soft_budget: softCapNanoUsd === undefined ? null : usdNumber(softCapNanoUsd),
    ...ownerMembers(names),
    customer_id: scope.type === 'customer' ? scope.id : null,
    projected_spend: finding.projectedNanoUsd === undefined ? null : usdNumber(finding.projectedNanoUsd),
    projected_exceeded_date: finding.projectedAtMs === undefined ? null : dayOf(finding.projectedAtMs),
    alert_emails: ownersAddresses(names),
    max_budget_alert_emails: null,
    threshold: finding.threshold === 0 ? null : finding.threshold,
    scope,
    budget: budget.name,
    resets_at: period === undefined ? null : new Date(period.endsAtMs).toISOString(),
    at: new Date(nowMs).toISOString(),
  };
}

function sentenceOf(
  scope: Scope,
  names: ScopeNames,
  finding: BudgetFinding,
  capNanoUsd: NanoUsd,
  settledNanoUsd: NanoUsd,
): string {
  const who = `${scope.type.replaceAll('_', ' ')} ${names.label ?? scope.id}`;
  const spent = `$${usdNumber(settledNanoUsd)} of $${usdNumber(capNanoUsd)}`;
  switch (finding.event) {
    case 'budget_crossed':
      return `The budget of ${who} is used up: ${spent} are spent.`;
    case 'threshold_crossed':
      return `${finding.threshold} % of the budget of ${who} are used: ${spent} are spent.`;
    case 'soft_budget_crossed':
      return `The soft budget of ${who} is reached: ${spent} are spent. Calls go on.`;
    case 'projected_limit_exceeded':
      return `At its present pace the budget of ${who} will not last to the end of its period: ${spent} are spent.`;
  }
}
