import { Column, Entity, PrimaryColumn } from 'typeorm';
import { countColumn, nanoUsdColumn } from '../columns.js';

/** A person or a service that keys belong to. */
@Entity('users')
export class User {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Unique without regard to case, where present. */
  @Column({ type: 'text', nullable: true })
  email!: string | null;

  @Column({ type: 'text', nullable: true })
  alias!: string | null;

  /** A `Role` of the kernel. */
  @Column({ type: 'text', default: 'internal_user' })
  role!: string;

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

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

  @Column({ type: 'jsonb', default: () => "'{}'" })
  metadata!: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  blocked!: boolean;

  /** The subject at the identity provider; unique where present. */
  @Column({ type: 'text', nullable: true })
  ssoUserId!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
