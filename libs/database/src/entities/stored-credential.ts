import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A provider's secrets under a name, for models to point at with `litellm_credential_name`. */
@Entity('credentials')
export class StoredCredential {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', nullable: true })
  displayName!: string | null;

  /** All of `credential_values`, sealed as one JSON object. */
  @Column({ type: 'text' })
  secrets!: string;

  /** `credential_info`: nothing secret. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  info!: Record<string, unknown>;

  @Column({ type: 'text', nullable: true })
  createdBy!: string | null;

  @Column({ type: 'text', nullable: true })
  updatedBy!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
