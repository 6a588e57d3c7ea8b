import { Column, Entity, PrimaryColumn } from 'typeorm';
import { nanoUsdColumn } from '../columns.js';

/** An entry of the ledger that no call made: somebody set back what a scope has spent. */
@Entity('spend_adjustments')
export class SpendAdjustment {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;

  @Column({ type: 'text' })
  scopeType!: string;

  @Column({ type: 'text' })
  scopeId!: string;

  /** `total` for the lifetime sum; else the budget's name. */
  @Column({ type: 'text' })
  budget!: string;

  @Column({ type: 'text' })
  periodId!: string;

  /** Negative: taken back. */
  @Column({ type: 'bigint', transformer: nanoUsdColumn })
  deltaNano!: bigint;

  /** What the scope has spent from then on: entries of its ledger count from here. */
  @Column({ type: 'bigint', transformer: nanoUsdColumn })
  toNano!: bigint;

  @Column({ type: 'text' })
  reason!: string;

  @Column({ type: 'text', nullable: true })
  actor!: string | null;
}
