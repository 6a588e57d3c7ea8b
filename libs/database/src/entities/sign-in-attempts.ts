import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Attempts to sign in of one source, or of one source for one name, in one window: what lock-outs count, together for all replicas. */
@Entity('sign_in_attempts')
export class SignInAttempts {
  /** A digest of what is counted: addresses and names of strangers are kept by nobody. */
  @PrimaryColumn({ type: 'text' })
  bucket!: string;

  @Column({ type: 'integer' })
  attempts!: number;

  @Column({ type: 'timestamptz' })
  windowEndsAt!: Date;

  /** Null: not blocked. */
  @Column({ type: 'timestamptz', nullable: true })
  blockedUntil!: Date | null;
}
