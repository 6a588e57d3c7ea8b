import { Column } from 'typeorm';
import { CalledBy } from './called-by.js';
import { countColumn } from '../columns.js';

/** Who a call is charged to, which model answered, what it used: the same in the entry of one call and in the sum of a day's. */
export abstract class Attributed extends CalledBy {
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
