import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A user in a team. Goes when either of the two goes. */
@Entity('team_members')
export class TeamMember {
  @PrimaryColumn({ type: 'text' })
  teamId!: string;

  @PrimaryColumn({ type: 'text' })
  userId!: string;

  @Column({ type: 'text', default: 'user' })
  role!: 'admin' | 'user';

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
