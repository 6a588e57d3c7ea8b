import { Column } from 'typeorm';
import { countColumn } from '../columns.js';

/** Who a call is charged to, which model answered, what it used: the same in the entry of one call and in the sum of a day's. */
export abstract class Attributed {
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

  /** Every tag of the call: a call with two tags is one call. */
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
  inputTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  outputTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  cacheReadTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  cacheWriteTokens!: number;
}
