import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The texts behind an audit event's commitments, so that one can be taken away without breaking the chain. */
@Entity('audit_values')
export class AuditValue {
  @PrimaryColumn({ type: 'text' })
  eventId!: string;

  /** Name of the commitment in the record -> its salt and its text. */
  @Column({ type: 'jsonb' })
  items!: Record<string, readonly [salt: string, text: string]>;
}
