import { Column } from 'typeorm';
import { countColumn, nanoUsdColumn } from '../columns.js';
import { Dated } from './dated.js';

/** A budget beside the main one: its own amount and period (`budget_limits`, `model_max_budget`). Nano-dollars as decimal text, because JSON has no 64-bit integers. */
export interface StoredBudget {
  readonly capNano: string;
  /** `30d`, `1mo`, ...; null: never resets. */
  readonly duration: string | null;
}

/**
 * The limits and budgets that a row can carry: keys, users, teams, organizations, members, projects, customers, tags and
 * budgets have the same ones, and everything that reads or writes them works on this shape. Null is no limit, 0 blocks.
 */
export abstract class Governed extends Dated {
  @Column({ type: 'bigint', nullable: true, transformer: nanoUsdColumn })
  maxBudgetNano!: bigint | null;

  /** Reaching it alerts, never refuses. */
  @Column({ type: 'bigint', nullable: true, transformer: nanoUsdColumn })
  softBudgetNano!: bigint | null;

  @Column({ type: 'text', nullable: true })
  budgetDuration!: string | null;

  /** Where periods that do not follow the calendar start from. */
  @Column({ type: 'timestamptz', nullable: true })
  budgetAnchorAt!: Date | null;

  /** Shown to people; the counters never read it. */
  @Column({ type: 'timestamptz', nullable: true })
  budgetResetAt!: Date | null;

  /** Several budgets at once, by their duration: `budget_limits`. */
  @Column({ type: 'jsonb', default: () => "'[]'" })
  budgetWindows!: StoredBudget[];

  /** Money per model: `model_max_budget`. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  modelBudgets!: Record<string, StoredBudget>;

  /** Added to the main budget until `tempBudgetEndsAt`. */
  @Column({ type: 'bigint', nullable: true, transformer: nanoUsdColumn })
  tempBudgetNano!: bigint | null;

  @Column({ type: 'timestamptz', nullable: true })
  tempBudgetEndsAt!: Date | null;

  /** The row of `budgets` whose settings count where this row has none of its own. */
  @Column({ type: 'text', nullable: true })
  budgetId!: string | null;

  @Column({ type: 'integer', nullable: true })
  rpmLimit!: number | null;

  @Column({ type: 'bigint', nullable: true, transformer: countColumn })
  tpmLimit!: number | null;

  @Column({ type: 'bigint', nullable: true, transformer: countColumn })
  inputTpmLimit!: number | null;

  @Column({ type: 'bigint', nullable: true, transformer: countColumn })
  outputTpmLimit!: number | null;

  @Column({ type: 'integer', nullable: true })
  maxParallelRequests!: number | null;

  /** Requests per minute per model: `model_rpm_limit`. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  modelRpmLimits!: Record<string, number>;

  @Column({ type: 'jsonb', default: () => "'{}'" })
  modelTpmLimits!: Record<string, number>;
}
