import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Governed } from './governed.js';

/** People who share models, limits and a budget. */
@Entity('teams')
export class Team extends Governed {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Not unique. */
  @Column({ type: 'text', nullable: true })
  alias!: string | null;

  @Column({ type: 'text', nullable: true })
  organizationId!: string | null;

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  @Column({ type: 'jsonb', default: () => "'{}'" })
  modelAliases!: Record<string, string>;

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  tags!: string[];

  @Column({ type: 'jsonb', default: () => "'{}'" })
  metadata!: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  blocked!: boolean;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
