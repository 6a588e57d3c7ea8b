import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One change somebody made, written in the change's own transaction. Never updated, never deleted. */
@Entity('audit_events')
export class AuditEvent {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'timestamptz', default: () => 'clock_timestamp()' })
  at!: Date;

  @Column({ type: 'text', nullable: true })
  actorUserId!: string | null;

  @Column({ type: 'text', nullable: true })
  actorKeyId!: string | null;

  @Column({ type: 'text', nullable: true })
  actorIp!: string | null;

  @Column({ type: 'text', nullable: true })
  requestId!: string | null;

  /** `created`, `updated`, `deleted`, `blocked`, `unblocked`, `rotated`. */
  @Column({ type: 'text' })
  action!: string;

  @Column({ type: 'text' })
  noun!: string;

  @Column({ type: 'text' })
  nounId!: string;

  @Column({ type: 'jsonb', nullable: true })
  before!: Record<string, unknown> | null;

  @Column({ type: 'jsonb', nullable: true })
  after!: Record<string, unknown> | null;
}
