import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Governed } from './governed.js';

/** A user in a team, with what it may use and spend there; where it has no value of its own, the team's default for members counts. Goes when either of the two goes. */
@Entity('team_members')
export class TeamMember extends Governed {
  @PrimaryColumn({ type: 'text' })
  teamId!: string;

  @PrimaryColumn({ type: 'text' })
  userId!: string;

  @Column({ type: 'text', default: 'user' })
  role!: 'admin' | 'user';

  /** Models of the team this member may use; empty: all of the team's. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  allowedModels!: string[];
}
