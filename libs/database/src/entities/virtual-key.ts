import { Column, Entity, PrimaryColumn } from 'typeorm';
import { AuthoredGoverned } from './authored.js';

/** A credential we issued. `id` never changes, so that spend, budgets and limits survive a rotation; only `tokenHash` does. */
@Entity('virtual_keys')
export class VirtualKey extends AuthoredGoverned {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** sha256 hex of the raw key. The raw key itself is nowhere. */
  @Column({ type: 'text' })
  tokenHash!: string;

  /** `sk-...abcd`. */
  @Column({ type: 'text' })
  maskedName!: string;

  /** Unique where present. */
  @Column({ type: 'text', nullable: true })
  alias!: string | null;

  /** A name that several keys may share; shown where a key has no alias. */
  @Column({ type: 'text', nullable: true })
  label!: string | null;

  @Column({ type: 'text', nullable: true })
  userId!: string | null;

  @Column({ type: 'text', nullable: true })
  teamId!: string | null;

  @Column({ type: 'text', nullable: true })
  organizationId!: string | null;

  @Column({ type: 'text', nullable: true })
  projectId!: string | null;

  /** The end user every call of this key counts for; set, no request can name another. */
  @Column({ type: 'text', nullable: true })
  customerId!: string | null;

  /** Empty: no restriction of its own. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  /** Public model name -> real one. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  aliases!: Record<string, string>;

  /** Empty: all routes. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  allowedRoutes!: string[];

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  tags!: string[];

  @Column({ type: 'jsonb', default: () => "'{}'" })
  metadata!: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  blocked!: boolean;

  @Column({ type: 'timestamptz', nullable: true })
  expiresAt!: Date | null;

  /** `default`, `llm_api`, `management` or `read_only`: the preset that `allowedRoutes` came from. */
  @Column({ type: 'text', nullable: true })
  keyType!: string | null;

  @Column({ type: 'integer', default: 0 })
  rotationCount!: number;

  @Column({ type: 'timestamptz', nullable: true })
  lastRotationAt!: Date | null;

  /** Gets a new secret by itself at `rotationAt`, every `rotationInterval`. */
  @Column({ type: 'boolean', default: false })
  autoRotate!: boolean;

  @Column({ type: 'text', nullable: true })
  rotationInterval!: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  rotationAt!: Date | null;

  /** Set: no person's key but a program's, of a team; never changed. */
  @Column({ type: 'text', nullable: true })
  serviceAccountId!: string | null;

  /** `guaranteed_throughput`, `best_effort_throughput` or `dynamic`. */
  @Column({ type: 'text', nullable: true })
  rpmLimitType!: string | null;

  @Column({ type: 'text', nullable: true })
  tpmLimitType!: string | null;

  /** Requests per minute under a tag: `tag_rpm_limit`. */
  @Column({ type: 'jsonb', default: {} })
  tagRpmLimits!: Record<string, number>;

  /** Over its budget the key is slowed down instead of refused. */
  @Column({ type: 'boolean', default: false })
  throttleOnBudgetExceeded!: boolean;

  /** The row of `budgets` for each customer of this key that has none of its own: `end_user_budget_id`. */
  @Column({ type: 'text', nullable: true })
  customerBudgetId!: string | null;

  /** Moves only when somebody changed a setting, not when money was spent. */
  @Column({ type: 'timestamptz', nullable: true })
  settingsUpdatedAt!: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  lastActiveAt!: Date | null;
}
