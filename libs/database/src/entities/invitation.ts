import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Authored } from './authored.js';

/** A link with which a user sets a first password. Its id is the secret of the link: unguessable, and dead once used or expired. Goes with the user. */
@Entity('invitations')
export class Invitation extends Authored {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  userId!: string;

  @Column({ type: 'timestamptz', nullable: true })
  acceptedAt!: Date | null;

  @Column({ type: 'timestamptz' })
  expiresAt!: Date;

  /** SHA-256 of what whoever opened the link last was given to set the password with. */
  @Column({ type: 'text', nullable: true })
  claimHash!: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  claimEndsAt!: Date | null;
}
