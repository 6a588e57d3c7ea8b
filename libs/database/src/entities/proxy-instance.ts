import { Column, Entity, PrimaryColumn } from 'typeorm';

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
}
