import { Column, Entity, PrimaryColumn } from 'typeorm';
import { countColumn, nanoUsdColumn } from '../columns.js';

/**
 * Which question a daily row answers. `key`, `customer` and `tags`: who called, with the owners the key had and what the
 * call named. The others have no keys, so that looking at much stays cheap: `tagged` has a row for each tag alone, `tagging` is all
 * that had any, `customers` all that named one.
 */
export type ActivityFacet =
  'key' | 'customer' | 'tags' | 'team' | 'organization' | 'proxy' | 'tagged' | 'tagging' | 'customers';

/** What one combination of callers, model and endpoint did on one day (UTC): kept by the drain, in the transaction that stores the entries. */
@Entity('daily_activity')
export class DailyActivity {
  @PrimaryColumn({ type: 'date' })
  day!: string;

  /** Hash of everything that tells this row from the others of its day. */
  @PrimaryColumn({ type: 'uuid' })
  rowId!: string;

  @Column({ type: 'text' })
  facet!: ActivityFacet;

  @Column({ type: 'text', nullable: true })
  keyId!: string | null;

  @Column({ type: 'text', nullable: true })
  userId!: string | null;

  @Column({ type: 'text', nullable: true })
  teamId!: string | null;

  @Column({ type: 'text', nullable: true })
  organizationId!: string | null;

  @Column({ type: 'text', nullable: true })
  customerId!: string | null;

  /** All tags of a call in one row of `tags`, so that a call with two tags is one call in a sum over both. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  tags!: string[];

  @Column({ type: 'text' })
  modelGroup!: string;

  @Column({ type: 'text' })
  model!: string;

  @Column({ type: 'text' })
  provider!: string;

  @Column({ type: 'text' })
  endpoint!: string;

  @Column({ type: 'bigint', transformer: countColumn })
  requests!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  successes!: number;

  @Column({ type: 'bigint', transformer: nanoUsdColumn })
  spendNano!: bigint;

  @Column({ type: 'bigint', transformer: countColumn })
  inputTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  outputTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  cacheReadTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  cacheWriteTokens!: number;

  /** Of the calls that succeeded. */
  @Column({ type: 'bigint', transformer: countColumn })
  responseMs!: number;
}
