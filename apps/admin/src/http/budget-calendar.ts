import { Inject, Injectable } from '@nestjs/common';
import { periodAt } from '#libs/budget';
import { Config } from '#libs/config';
import { Clock } from '#libs/kernel';

/** Tells people when a budget starts again. Computed, never stored, so that it is right the moment somebody looks. */
@Injectable()
export class BudgetCalendar {
  constructor(
    @Inject(Config) private readonly config: Pick<Config, 'budgets'>,
    private readonly clock: Clock,
  ) {}

  /** Null for a budget that never resets. */
  resetsAt(budget: {
    readonly budgetDuration: string | null;
    readonly budgetAnchorAt: Date | null;
    readonly createdAt: Date;
  }): Date | null {
    if (budget.budgetDuration === null) return null;
    const { timezone, resetTime } = this.config.budgets;
    const anchorMs = (budget.budgetAnchorAt ?? budget.createdAt).getTime();
    const rule = { duration: budget.budgetDuration, timezone, resetTime, anchorMs };
    return new Date(periodAt(rule, this.clock.nowMs()).endsAtMs);
  }
}
