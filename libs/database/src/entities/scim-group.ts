import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A team as the identity provider's group. Its name is the team's alias, its members are the team's. */
@Entity('scim_groups')
export class ScimGroup {
  @PrimaryColumn({ type: 'text' })
  teamId!: string;

  @Column({ type: 'text', nullable: true })
  externalId!: string | null;

  /** Set: the identity provider deleted the group; the team is kept, and lets nobody in. */
  @Column({ type: 'timestamptz', nullable: true })
  deletedAt!: Date | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
