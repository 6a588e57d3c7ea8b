import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintColumn } from '../columns.js';

/**
 * Something somebody did, written in its own transaction. `record` is what happened, as text that is never changed and that the
 * chain is made of; it holds commitments where texts stood, and `AuditValue` has the texts. The other columns repeat parts of
 * it for searching, and are checked against it.
 */
@Entity('audit_events')
export class AuditEvent {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'timestamptz', default: () => 'clock_timestamp()' })
  at!: Date;

  /** `changes`, or `access` (refusals, sign-ins, reads): a flood of those must not stop the others. */
  @Column({ type: 'text', default: 'changes' })
  chain!: 'changes' | 'access';

  @Column({ type: 'text', nullable: true })
  actorUserId!: string | null;

  @Column({ type: 'text', nullable: true })
  actorKeyId!: string | null;

  @Column({ type: 'text', nullable: true })
  actorIp!: string | null;

  @Column({ type: 'text', nullable: true })
  requestId!: string | null;

  /** `created`, `updated`, `deleted`, `blocked`, `unblocked`, `rotated`, and others. */
  @Column({ type: 'text' })
  action!: string;

  @Column({ type: 'text' })
  noun!: string;

  @Column({ type: 'text' })
  nounId!: string;

  /** Null only in a row of an earlier release that nobody sealed yet. */
  @Column({ type: 'text', nullable: true })
  record!: string | null;

  /** Made with the installation's key: a row somebody else inserted has none that fits. */
  @Column({ type: 'text', nullable: true })
  mac!: string | null;

  /** Place in its chain; null until it is sealed. */
  @Column({ type: 'bigint', nullable: true, transformer: bigintColumn })
  seq!: bigint | null;

  /** Over the hash before it and this record. */
  @Column({ type: 'text', nullable: true })
  hash!: string | null;
}
