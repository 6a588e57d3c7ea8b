import { Column, Entity, PrimaryColumn } from 'typeorm';
import { AuthoredGoverned } from './authored.js';

/** A part of a team's work with models, limits and a budget of its own. Goes with its team. */
@Entity('projects')
export class Project extends AuthoredGoverned {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Not unique. */
  @Column({ type: 'text', nullable: true })
  alias!: string | null;

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  @Column({ type: 'text' })
  teamId!: string;

  /** Empty: no restriction of its own. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  tags!: string[];

  @Column({ type: 'jsonb', default: () => "'{}'" })
  metadata!: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  blocked!: boolean;
}
