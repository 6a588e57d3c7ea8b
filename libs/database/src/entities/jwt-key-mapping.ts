import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A claim of signed tokens that stands for a virtual key. Outlives the key: a token whose key was deleted must not become something else. */
@Entity('jwt_key_mappings')
export class JwtKeyMapping {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Empty: tokens of every issuer. */
  @Column({ type: 'text', default: '' })
  jwtIssuer!: string;

  /** The claim's path, as the configuration names it. */
  @Column({ type: 'text' })
  jwtClaimName!: string;

  @Column({ type: 'text' })
  jwtClaimValue!: string;

  /** Of the key, which keeps it through rotations. */
  @Column({ type: 'text' })
  keyId!: string;

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  @Column({ type: 'boolean', default: true })
  isActive!: boolean;

  @Column({ type: 'text', nullable: true })
  createdBy!: string | null;

  @Column({ type: 'text', nullable: true })
  updatedBy!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
