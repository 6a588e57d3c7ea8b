import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A command line that waits for somebody to sign it in with a browser. Its secrets are stored as SHA-256; the row goes when it was used. */
@Entity('cli_sign_ins')
export class CliSignIn {
  /** `cli-…`: stands in the address that the browser opens. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Of the secret with which the command line asks whether it is done. */
  @Column({ type: 'text' })
  pollHash!: string;

  /** Of the code that a person reads in the terminal and types into the browser. */
  @Column({ type: 'text' })
  codeHash!: string;

  /** Wrong codes so far. */
  @Column({ type: 'integer', default: 0 })
  wrongCodes!: number;

  /** The browser session that typed the code; null while nobody has. The command line becomes its user, as long as it lives. */
  @Column({ type: 'text', nullable: true })
  sessionId!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz' })
  expiresAt!: Date;
}
