import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A data key, wrapped by the installation's encryption key. Secrets at rest name the data key they are sealed with. */
@Entity('encryption_keys')
export class EncryptionKey {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Names the encryption key it is wrapped by, so that a changed one is told from a damaged row. */
  @Column({ type: 'text' })
  wrappedBy!: string;

  @Column({ type: 'text' })
  wrapped!: string;

  /** One at a time: what new secrets are sealed with. The others are only read. */
  @Column({ type: 'boolean', default: true })
  active!: boolean;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
