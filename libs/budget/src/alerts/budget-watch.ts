import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '#libs/config';
import { Counters } from '#libs/counters';
import { Clock, type NanoUsd, type Scope, usdNumber } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { Budgets } from '../budgets.js';
import type { Charge } from '../prepared.js';
import type { PreparedBudget } from '../prepared.js';
import { AlertBook, type NewAlert } from './alert-book.js';
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
    const looked = new Set<string>();
    const due: { prepared: PreparedBudget; settled: NanoUsd; finding: BudgetFinding; occasion: string }[] =
      [];
    for (const charges of this.#noted) {
      for (const { counterKey, prepared } of charges) {
        // A period that ended meanwhile has had its time to be told of.
        if (
          counterKey === undefined ||
          prepared === undefined ||
          prepared.key !== counterKey ||
          looked.has(counterKey)
        )
          continue;
        looked.add(counterKey);
        const settled = this.counters.balance(counterKey)?.settledNanoUsd;
        if (settled === undefined) continue;
        const { thresholds } = this.config.alerts;
        const cap = prepared.capAt(nowMs);
        for (const finding of findingsOf(prepared.budget, cap, settled, prepared.period, nowMs, thresholds)) {
          const occasion = occasionOf(prepared);
          const alert = {
            event: finding.event,
            scope: prepared.budget.scope,
            occasion,
            threshold: finding.threshold,
          };
          if (!this.book.isKnown(alert)) due.push({ prepared, settled, finding, occasion });
        }
      }
    }
    this.#noted.clear();
    if (due.length === 0) return;
    const names = await this.facts.of(due.map(({ prepared }) => prepared.budget.scope));
    await this.book.raise(
      due.map(({ prepared, settled, finding, occasion }): NewAlert => {
        const { scope } = prepared.budget;
        return {
          event: finding.event,
          scope,
          occasion,
          threshold: finding.threshold,
          payload: payloadOf(prepared, prepared.capAt(nowMs), settled, finding, names(scope), nowMs),
        };
      }),
    );
  }
}

function occasionOf({ budget, period }: PreparedBudget): string {
  return `${budget.name}@${period?.id ?? 'life'}`;
}

/** The contract's body of a budget alert, and beside it what only we can say. */
function payloadOf(
  { budget, period }: PreparedBudget,
  capNanoUsd: NanoUsd,
  settledNanoUsd: NanoUsd,
  finding: BudgetFinding,
  names: ScopeNames,
  nowMs: number,
): Record<string, unknown> {
  const { scope, softCapNanoUsd } = budget;
  return {
    event: finding.event,
    event_group: GROUPS[scope.type] ?? scope.type,
    event_message: sentenceOf(scope, names, finding, capNanoUsd, settledNanoUsd),
    spend: usdNumber(settledNanoUsd),
    max_budget: usdNumber(capNanoUsd),
    soft_budget: softCapNanoUsd === undefined ? null : usdNumber(softCapNanoUsd),
    token: names.token,
    key_alias: names.keyAlias,
    user_id: names.userId,
    user_email: names.userEmail,
    team_id: names.teamId,
    team_alias: names.teamAlias,
    organization_id: names.organizationId,
    customer_id: scope.type === 'customer' ? scope.id : null,
    projected_spend: finding.projectedNanoUsd === undefined ? null : usdNumber(finding.projectedNanoUsd),
    projected_exceeded_date:
      finding.projectedAtMs === undefined ? null : new Date(finding.projectedAtMs).toISOString().slice(0, 10),
    alert_emails: names.userEmail === null ? [] : [names.userEmail],
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
