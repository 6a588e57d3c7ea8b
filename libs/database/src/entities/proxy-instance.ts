import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../columns.js';

/** A running process of ours. One row per incarnation: a restart is another row. */
@Entity('proxy_instances')
export class ProxyInstance {
  @PrimaryColumn({ type: 'text' })
  incarnation!: string;

  @Column({ type: 'text' })
  role!: string;

  @Column({ type: 'text' })
  host!: string;

  @Column({ type: 'integer' })
  pid!: number;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  startedAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  heartbeatAt!: Date;

  /** Until then it serves, and is waited for when access is taken away. Past it, it serves nobody. */
  @Column({ type: 'timestamptz', default: () => 'now()' })
  leaseUntil!: Date;

  /** It has applied every change of a transaction below this. */
  @Column({ type: 'bigint', transformer: bigintColumn, default: 0 })
  appliedBelow!: bigint;

  /** And these, of later ones. */
  @Column({ type: 'bigint', array: true, default: () => "'{}'" })
  appliedSeqs!: string[];
}
