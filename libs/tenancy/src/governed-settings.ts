import type { Governed, StoredBudget } from '#libs/database';
import type { NanoUsd } from '#libs/kernel';

/** Money beside the main budget: an amount, and how often it starts again (null: never). */
export interface BudgetSetting {
  readonly capNanoUsd: NanoUsd;
  readonly duration: string | null;
}

/** The limits and budgets an administrator can give to anything that has them; null is none, 0 blocks. */
export interface GovernedSettings {
  readonly capNanoUsd: NanoUsd | null;
  readonly softCapNanoUsd: NanoUsd | null;
  readonly budgetDuration: string | null;
  /** Budgets at the same time as the main one, each with a period of its own. */
  readonly budgetWindows: readonly BudgetSetting[];
  readonly modelBudgets: Readonly<Record<string, BudgetSetting>>;
  /** Added to the main budget for a while. */
  readonly increase: { readonly nanoUsd: NanoUsd; readonly endsAt: Date } | null;
  /** The row of `budgets` that counts where nothing else is said. */
  readonly budgetId: string | null;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly inputTokensPerMinute: number | null;
  readonly outputTokensPerMinute: number | null;
  readonly parallelRequests: number | null;
  readonly modelRequestsPerMinute: Readonly<Record<string, number>>;
  readonly modelTokensPerMinute: Readonly<Record<string, number>>;
}

/** What a change names; an absent member is left as it is. */
export type GovernedChange = {
  readonly [Name in keyof GovernedSettings]?: GovernedSettings[Name] | undefined;
};

const PLAIN_COLUMNS = {
  capNanoUsd: 'maxBudgetNano',
  softCapNanoUsd: 'softBudgetNano',
  budgetId: 'budgetId',
  requestsPerMinute: 'rpmLimit',
  tokensPerMinute: 'tpmLimit',
  inputTokensPerMinute: 'inputTpmLimit',
  outputTokensPerMinute: 'outputTpmLimit',
  parallelRequests: 'maxParallelRequests',
} as const satisfies Partial<Record<keyof GovernedSettings, keyof Governed>>;

/** The columns that a change of limits and budgets writes, for every table that has them. */
export function governedColumns(
  change: GovernedChange,
  current: Pick<Governed, 'budgetDuration'> | undefined,
  nowMs: number,
): Partial<Governed> {
  const columns: Partial<Record<keyof Governed, unknown>> = budgetColumns(
    change.budgetDuration,
    current?.budgetDuration,
    nowMs,
  );
  for (const [setting, column] of Object.entries(PLAIN_COLUMNS)) {
    const value = change[setting as keyof typeof PLAIN_COLUMNS];
    if (value !== undefined) columns[column] = value;
  }
  if (change.budgetWindows !== undefined) columns.budgetWindows = change.budgetWindows.map(toStored);
  if (change.modelBudgets !== undefined) {
    columns.modelBudgets = Object.fromEntries(
      Object.entries(change.modelBudgets).map(([model, budget]) => [model, toStored(budget)]),
    );
  }
  if (change.increase !== undefined) {
    columns.tempBudgetNano = change.increase?.nanoUsd ?? null;
    columns.tempBudgetEndsAt = change.increase?.endsAt ?? null;
  }
  if (change.modelRequestsPerMinute !== undefined)
    columns.modelRpmLimits = { ...change.modelRequestsPerMinute };
  if (change.modelTokensPerMinute !== undefined) columns.modelTpmLimits = { ...change.modelTokensPerMinute };
  return columns as Partial<Governed>;
}

/**
 * The anchor moves only when the period really changes: saying the same again must not start a new period. What is shown
 * as the next reset is worked out anew.
 */
export function budgetColumns(
  duration: string | null | undefined,
  current: string | null | undefined,
  nowMs: number,
): { budgetDuration?: string | null; budgetAnchorAt?: Date | null; budgetResetAt?: Date | null } {
  if (duration === undefined || duration === current) return {};
  return {
    budgetDuration: duration,
    budgetAnchorAt: duration === null ? null : new Date(nowMs),
    budgetResetAt: null,
  };
}

function toStored({ capNanoUsd, duration }: BudgetSetting): StoredBudget {
  return { capNano: capNanoUsd.toString(), duration };
}
