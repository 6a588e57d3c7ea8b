import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** What a team was when it was deleted: lists of deleted teams and old spend rows still find it. */
@Entity('archived_teams')
export class ArchivedTeam {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  archiveId!: string;

  /** The team's id. */
  @Column({ type: 'text' })
  id!: string;

  @Column({ type: 'text', nullable: true })
  organizationId!: string | null;

  /** The whole `teams` row, columns as in the table (amounts as decimal strings of nano-dollars). */
  @Column({ type: 'jsonb' })
  row!: Record<string, unknown>;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  deletedAt!: Date;

  @Column({ type: 'text', nullable: true })
  deletedBy!: string | null;
}
