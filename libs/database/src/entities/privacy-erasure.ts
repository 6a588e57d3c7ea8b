import { Column, Entity, PrimaryColumn } from 'typeorm';

/** That somebody was erased, without saying who: only whoever holds the certificate can show whom it is about. */
@Entity('privacy_erasures')
export class PrivacyErasure {
  /** The certificate's id. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;

  @Column({ type: 'text' })
  kind!: 'user' | 'customer';

  /** Over the name and a salt that only the certificate holds. */
  @Column({ type: 'text' })
  subjectCommitment!: string;

  /** What stands where the name stood. */
  @Column({ type: 'text' })
  standIn!: string;

  /** Rows changed or removed, by table. */
  @Column({ type: 'jsonb' })
  counts!: Record<string, number>;
}
