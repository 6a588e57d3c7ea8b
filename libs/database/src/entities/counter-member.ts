import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../columns.js';

/**
 * A process that counts on the shared store. The list is kept here and not in Redis, because it says who must be waited for
 * when Redis has lost everything.
 */
@Entity('counter_members')
export class CounterMember {
  @PrimaryColumn({ type: 'text' })
  incarnation!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  heartbeatAt!: Date;

  /** It has registered what it holds for this epoch of the counters. */
  @Column({ type: 'bigint', transformer: bigintColumn, default: 0 })
  readyEpoch!: bigint;
}
