import { Column, Entity, PrimaryColumn } from 'typeorm';
import { countColumn, nanoUsdColumn } from '../columns.js';

/** People who share models, limits and a budget. */
@Entity('teams')
export class Team {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Not unique. */
  @Column({ type: 'text', nullable: true })
  alias!: string | null;

  @Column({ type: 'text', nullable: true })
  organizationId!: string | null;

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  @Column({ type: 'jsonb', default: () => "'{}'" })
  modelAliases!: Record<string, string>;

  @Column({ type: 'bigint', nullable: true, transformer: nanoUsdColumn })
  maxBudgetNano!: bigint | null;

  @Column({ type: 'bigint', nullable: true, transformer: nanoUsdColumn })
  softBudgetNano!: bigint | null;

  @Column({ type: 'text', nullable: true })
  budgetDuration!: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  budgetAnchorAt!: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  budgetResetAt!: Date | null;

  @Column({ type: 'integer', nullable: true })
  rpmLimit!: number | null;

  @Column({ type: 'bigint', nullable: true, transformer: countColumn })
  tpmLimit!: number | null;

  @Column({ type: 'integer', nullable: true })
  maxParallelRequests!: number | null;

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  tags!: string[];

  @Column({ type: 'jsonb', default: () => "'{}'" })
  metadata!: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  blocked!: boolean;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
