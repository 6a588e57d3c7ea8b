import { Column, Entity, PrimaryColumn } from 'typeorm';
import { nanoUsdColumn, countColumn } from '../columns.js';
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

  /** False: the identity provider deleted the group (SCIM). Apart from `blocked`, so that neither lifts the other. */
  @Column({ type: 'boolean', default: true })
  scimActive!: boolean;

  /** What members who do not administer the team may do with its keys; null: the product's default. */
  @Column({ type: 'text', array: true, nullable: true })
  memberPermissions!: string[] | null;

  /** What each member may spend in the team, where its own row says nothing. */
  @Column({ type: 'bigint', nullable: true, transformer: nanoUsdColumn })
  memberMaxBudgetNano!: bigint | null;

  @Column({ type: 'text', nullable: true })
  memberBudgetDuration!: string | null;

  @Column({ type: 'integer', nullable: true })
  memberRpmLimit!: number | null;

  @Column({ type: 'bigint', nullable: true, transformer: countColumn })
  memberTpmLimit!: number | null;

  /** How long keys live that members make for themselves in the team; null: as asked. */
  @Column({ type: 'text', nullable: true })
  memberKeyDuration!: string | null;

  /** `allowedModels` of those who join. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  memberModels!: string[];
}
