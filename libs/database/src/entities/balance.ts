import { Column, Entity, PrimaryColumn } from 'typeorm';
import { countColumn, nanoUsdColumn } from '../columns.js';

/** What one scope has spent in one period of one budget: the sum of its ledger entries, kept by the drain in the same transaction. */
@Entity('balances')
export class Balance {
  @PrimaryColumn({ type: 'text' })
  scopeType!: string;

  @PrimaryColumn({ type: 'text' })
  scopeId!: string;

  /** `total` for the lifetime sum; else the budget's name. */
  @PrimaryColumn({ type: 'text' })
  budget!: string;

  @PrimaryColumn({ type: 'text' })
  periodId!: string;

  @Column({ type: 'bigint', transformer: nanoUsdColumn, default: 0 })
  settledNano!: bigint;

  @Column({ type: 'bigint', transformer: countColumn, default: 0 })
  requests!: number;

  @Column({ type: 'bigint', transformer: countColumn, default: 0 })
  inputTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn, default: 0 })
  outputTokens!: number;

  /** Computed by PostgreSQL: what was spent, in steps of a tenth. What lists by spend walk along. */
  @Column({ type: 'smallint', insert: false, update: false })
  magnitude!: number;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
