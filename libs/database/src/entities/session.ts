import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * Somebody who has signed in, until it ends. What the browser or the command line holds is a random text; only its SHA-256 is here.
 * A trigger on `users` deletes the rows of an account that is blocked, deactivated, deleted, or gets another role or password.
 */
@Entity('sessions')
export class Session {
  /** Public: names the session in events and in the audit trail, and opens nothing. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  tokenHash!: string;

  /** `browser`: in a cookie. `cli`: sent as a bearer by the command line. */
  @Column({ type: 'text' })
  kind!: 'browser' | 'cli';

  /** Not a foreign key: the administrator of the environment (`UI_USERNAME`) has no row. */
  @Column({ type: 'text' })
  userId!: string;

  /** The team that a command line speaks for; null: the user alone. */
  @Column({ type: 'text', nullable: true })
  teamId!: string | null;

  /** How the person signed in: `password`, `environment`, `google`, `saml`, ... */
  @Column({ type: 'text' })
  method!: string;

  /** Null, or a digest of what was proved outside the database: when that is another now, the session is over. */
  @Column({ type: 'text', nullable: true })
  proof!: string | null;

  /** Good for choosing a new password, and nothing else. */
  @Column({ type: 'boolean', default: false })
  mustChangePassword!: boolean;

  /** Where it came from, for people who look at their sessions: provider, the session that allowed it. Never a secret. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  provenance!: Record<string, unknown>;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz' })
  expiresAt!: Date;

  /** Over earlier than `expiresAt` when nobody uses it until then; moved on by use. */
  @Column({ type: 'timestamptz' })
  idleEndsAt!: Date;
}
