import { Column, Entity, PrimaryColumn } from 'typeorm';
import { AuthoredGoverned } from './authored.js';

/** A tenant: teams, projects, people and keys that belong together, and what all of them may use and spend together. */
@Entity('organizations')
export class Organization extends AuthoredGoverned {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Not unique: another tenant's name must not be found out by trying it. */
  @Column({ type: 'text', nullable: true })
  alias!: string | null;

  /** Empty: no restriction of its own. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  @Column({ type: 'jsonb', default: () => "'{}'" })
  metadata!: Record<string, unknown>;
}
