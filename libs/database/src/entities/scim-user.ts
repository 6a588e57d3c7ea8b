import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A user as the identity provider knows it (RFC 7643). Whether it lets the person in is `User.scimActive`. */
@Entity('scim_users')
export class ScimUser {
  @PrimaryColumn({ type: 'text' })
  userId!: string;

  /** Unique without regard to case among those that are not deleted. */
  @Column({ type: 'text' })
  userName!: string;

  @Column({ type: 'text', nullable: true })
  externalId!: string | null;

  /** Attributes of the standard's schemas that are nowhere else: `name`, `title`, `emails`, the enterprise extension. Never a password. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  attributes!: Record<string, unknown>;

  /** Set: the identity provider deleted the person; the account is kept, and lets nobody in. */
  @Column({ type: 'timestamptz', nullable: true })
  deletedAt!: Date | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
