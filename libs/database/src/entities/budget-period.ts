import { Column, Entity, PrimaryColumn } from 'typeorm';
import { nanoUsdColumn } from '../columns.js';

/** History: one closed (or still open) period of one budget, with the cap it had. */
@Entity('budget_periods')
export class BudgetPeriod {
  @PrimaryColumn({ type: 'text' })
  scopeType!: string;

  @PrimaryColumn({ type: 'text' })
  scopeId!: string;

  @PrimaryColumn({ type: 'text' })
  budget!: string;

  @PrimaryColumn({ type: 'text' })
  periodId!: string;

  @Column({ type: 'timestamptz' })
  startsAt!: Date;

  /** Null: the budget never resets. */
  @Column({ type: 'timestamptz', nullable: true })
  endsAt!: Date | null;

  @Column({ type: 'bigint', nullable: true, transformer: nanoUsdColumn })
  capNano!: bigint | null;

  @Column({ type: 'bigint', transformer: nanoUsdColumn, default: 0 })
  settledNano!: bigint;

  @Column({ type: 'timestamptz', nullable: true })
  closedAt!: Date | null;
}
