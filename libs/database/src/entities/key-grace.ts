import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An old secret of a key that was rotated, and until when it still opens the key. */
@Entity('key_graces')
export class KeyGrace {
  /** sha256 hex of the old raw key. */
  @PrimaryColumn({ type: 'text' })
  tokenHash!: string;

  @Column({ type: 'text' })
  keyId!: string;

  /** How the old secret is shown: `sk-...abcd`. */
  @Column({ type: 'text' })
  maskedName!: string;

  @Column({ type: 'timestamptz' })
  validUntil!: Date;

  /** The secret that a scheduled rotation put in this one's place, sealed: whoever still has the old one may ask for it. */
  @Column({ type: 'text', nullable: true })
  successor!: string | null;
}
