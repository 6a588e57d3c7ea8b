import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Authored } from './authored.js';

/**
 * A role that administrators made while the proxy runs. Outlives its deletion: a token that still carries the name must not
 * be taken for one that never had a role.
 */
@Entity('custom_roles')
export class StoredRole extends Authored {
  @PrimaryColumn({ type: 'text' })
  name!: string;

  /** The built-in role that it narrows. */
  @Column({ type: 'text' })
  base!: string;

  /** Paths and groups, as in `allowed_routes`. Empty: none. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  routes!: string[];

  /** Model names; entries with `*` are patterns. Empty: none. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  /** Since when whoever has it has no rights. */
  @Column({ type: 'timestamptz', nullable: true })
  deletedAt!: Date | null;
}
