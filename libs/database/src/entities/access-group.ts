import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Authored } from './authored.js';

/** Models under a name, given to teams, users and keys as a whole. */
@Entity('access_groups')
export class AccessGroup extends Authored {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  /** Model names; entries with `*` are patterns. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  mcpServerIds!: string[];

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  agentIds!: string[];

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  teamIds!: string[];

  /** Stable ids of keys, never their hashes. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  keyIds!: string[];

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  userIds!: string[];
}
