import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** What a key was when it was deleted, or what it was before a rotation: `info` and old spend rows still find it. */
@Entity('archived_keys')
export class ArchivedKey {
  /** A key that was rotated and later deleted has several rows, so its own id is not the primary key. */
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  archiveId!: string;

  /** The key's id. */
  @Column({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  tokenHash!: string;

  /** The whole `virtual_keys` row, columns as in the table (amounts as decimal strings of nano-dollars). */
  @Column({ type: 'jsonb' })
  row!: Record<string, unknown>;

  @Column({ type: 'text', default: 'deleted' })
  reason!: 'deleted' | 'rotated';

  @Column({ type: 'timestamptz', default: () => 'now()' })
  deletedAt!: Date;

  @Column({ type: 'text', nullable: true })
  deletedBy!: string | null;
}
