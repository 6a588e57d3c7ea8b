import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What was asked and answered, when an operator wants that kept. Partitioned by `day`; apart from the ledger, so that it can go earlier. */
@Entity('logged_prompts')
export class LoggedPrompt {
  /** `YYYY-MM-DD`, UTC, of the ledger entry. */
  @PrimaryColumn({ type: 'date' })
  day!: string;

  /** The ledger entry's id. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  requestId!: string;

  @Column({ type: 'timestamptz' })
  at!: Date;

  @Column({ type: 'text', nullable: true })
  keyId!: string | null;

  @Column({ type: 'text', nullable: true })
  userId!: string | null;

  @Column({ type: 'text', nullable: true })
  customerId!: string | null;

  /** The body as the client sent it, up to the configured size. */
  @Column({ type: 'text' })
  request!: string;

  @Column({ type: 'text' })
  response!: string;

  /** Whether either was longer than is kept. */
  @Column({ type: 'boolean', default: false })
  wasCut!: boolean;
}
