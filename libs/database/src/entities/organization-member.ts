import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Governed } from './governed.js';

/** A user in an organization, with what it may spend there. Goes when either of the two goes. */
@Entity('organization_members')
export class OrganizationMember extends Governed {
  @PrimaryColumn({ type: 'text' })
  organizationId!: string;

  @PrimaryColumn({ type: 'text' })
  userId!: string;

  /** `org_admin` manages everything inside the organization and nothing outside. */
  @Column({ type: 'text', default: 'internal_user' })
  role!: 'org_admin' | 'internal_user' | 'internal_user_viewer';
}
