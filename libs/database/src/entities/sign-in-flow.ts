import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A sign-in under way at an identity provider, from the browser's leaving to its coming back. Used once, then gone. */
@Entity('sign_in_flows')
export class SignInFlow {
  /** SHA-256 of the secret that the browser keeps in its cookie. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** With the browser's secret it makes state, nonce and verifier; alone it is worth nothing. */
  @Column({ type: 'text' })
  salt!: string;

  /** What was asked for: the provider, where to go afterwards. Nothing secret. */
  @Column({ type: 'jsonb' })
  data!: Record<string, unknown>;

  @Column({ type: 'timestamptz' })
  expiresAt!: Date;
}
