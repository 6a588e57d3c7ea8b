import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Something that people are told once: the primary key is what "once" means, across all replicas. */
@Entity('alerts')
export class Alert {
  /** Hash of event, scope, budget, period and threshold. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  event!: string;

  @Column({ type: 'text' })
  scopeType!: string;

  @Column({ type: 'text' })
  scopeId!: string;

  /** What is sent. */
  @Column({ type: 'jsonb' })
  payload!: Record<string, unknown>;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
