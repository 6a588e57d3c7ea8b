import { Injectable } from '@nestjs/common';
import type { Budget, Governed, StoredBudget } from '#libs/database';
import { BudgetCalendar } from './budget-calendar.js';
import { orNull, toApiTime, toApiUsd } from './wire.js';

type GovernedRow = Governed & { readonly createdAt: Date };

/** Limits and budgets as the contract writes them, for every noun that has them. */
@Injectable()
export class GovernedAnswers {
  constructor(private readonly calendar: BudgetCalendar) {}

  /** When the row's main budget starts again; null for one that never does. */
  resetsAt(row: GovernedRow): string | null {
    return toApiTime(this.calendar.resetsAt(row));
  }

  /** `budget_limits`; null where there are none. */
  windows(row: GovernedRow): object[] | null {
    const windows = row.budgetWindows.map(({ capNano, duration }) => ({
      budget_duration: duration,
      max_budget: toApiUsd(BigInt(capNano)),
      reset_at: toApiTime(
        this.calendar.resetsAt({
          budgetDuration: duration,
          budgetAnchorAt: row.budgetAnchorAt,
          createdAt: row.createdAt,
        }),
      ),
    }));
    return windows.length === 0 ? null : windows;
  }

  /** A `budgets` row in full. */
  budget(budget: Budget): Record<string, unknown> {
    return {
      ...this.#table(budget.id, budget),
      created_at: toApiTime(budget.createdAt),
      created_by: budget.createdBy,
      updated_at: toApiTime(budget.updatedAt),
      updated_by: budget.updatedBy,
    };
  }

  /**
   * `litellm_budget_table`: the budget a row counts with. The contract keeps it in a row of its own; here it may be the
   * row's own settings, a shared budget, or the one over the other.
   */
  effective(row: GovernedRow, linked: Budget | null | undefined): Record<string, unknown> | null {
    const own = this.#table(row.budgetId, row);
    if (!linked) return isUngoverned(row) ? null : own;
    const shared = this.#table(linked.id, linked);
    return Object.fromEntries(
      Object.entries(shared).map(([member, value]) => [member, isUnset(own[member]) ? value : own[member]]),
    );
  }

  #table(budgetId: string | null, row: GovernedRow): Record<string, unknown> {
    return {
      budget_id: budgetId,
      max_budget: toApiUsd(row.maxBudgetNano),
      soft_budget: toApiUsd(row.softBudgetNano),
      max_parallel_requests: row.maxParallelRequests,
      tpm_limit: row.tpmLimit,
      rpm_limit: row.rpmLimit,
      tpd_limit: null,
      model_max_budget: orNull(modelBudgetsOf(row)),
      budget_duration: row.budgetDuration,
      budget_limits: this.windows(row),
      budget_reset_at: this.resetsAt(row),
      allowed_models: [],
    };
  }
}

/** `model_max_budget`, in both of its spellings. */
export function modelBudgetsOf(row: Pick<Governed, 'modelBudgets'>): Record<string, object> {
  const shown = ({ capNano, duration }: StoredBudget): object => ({
    max_budget: toApiUsd(BigInt(capNano)),
    budget_limit: toApiUsd(BigInt(capNano)),
    budget_duration: duration,
    time_period: duration,
  });
  return Object.fromEntries(
    Object.entries(row.modelBudgets).map(([model, budget]) => [model, shown(budget)]),
  );
}

/** Fields that the contract keeps inside `metadata`, where its clients read them back; only those that are set. */
export function foldedOf(row: Governed): Record<string, unknown> {
  return {
    ...(Object.keys(row.modelRpmLimits).length > 0 && { model_rpm_limit: row.modelRpmLimits }),
    ...(Object.keys(row.modelTpmLimits).length > 0 && { model_tpm_limit: row.modelTpmLimits }),
    ...(row.tempBudgetNano !== null && {
      temp_budget_increase: toApiUsd(row.tempBudgetNano),
      temp_budget_expiry: toApiTime(row.tempBudgetEndsAt),
    }),
  };
}

function isUngoverned(row: Governed): boolean {
  return (
    row.maxBudgetNano === null &&
    row.softBudgetNano === null &&
    row.budgetDuration === null &&
    row.tpmLimit === null &&
    row.rpmLimit === null &&
    row.maxParallelRequests === null &&
    row.budgetWindows.length === 0 &&
    Object.keys(row.modelBudgets).length === 0
  );
}

function isUnset(value: unknown): boolean {
  return value === null || value === undefined;
}
