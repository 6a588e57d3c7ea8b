import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Governed } from './governed.js';

/** A person or a service that keys belong to. */
@Entity('users')
export class User extends Governed {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Unique without regard to case, where present. */
  @Column({ type: 'text', nullable: true })
  email!: string | null;

  @Column({ type: 'text', nullable: true })
  alias!: string | null;

  /** A `Role` of the kernel. */
  @Column({ type: 'text', default: 'internal_user' })
  role!: string;

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  @Column({ type: 'jsonb', default: () => "'{}'" })
  metadata!: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  blocked!: boolean;

  /** False: the identity provider deactivated the person (SCIM). Apart from `blocked`, so that neither lifts the other. */
  @Column({ type: 'boolean', default: true })
  scimActive!: boolean;

  /** The subject at the identity provider; unique where present. */
  @Column({ type: 'text', nullable: true })
  ssoUserId!: string | null;

  /** The organization that made the account and administers it; null: only proxy administrators do. Being a member somewhere does not change it. */
  @Column({ type: 'text', nullable: true })
  organizationId!: string | null;

  /** argon2id in PHC form; `scrypt:` or a bare SHA-256 on rows that LiteLLM wrote, until the next sign-in. Never shown to anybody. */
  @Column({ type: 'text', nullable: true })
  passwordHash!: string | null;

  @Column({ type: 'boolean', default: false })
  passwordResetRequired!: boolean;
}
