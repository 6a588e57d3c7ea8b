import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Authored } from './authored.js';

/** A provider's secrets under a name, for models to point at with `litellm_credential_name`. */
@Entity('credentials')
export class StoredCredential extends Authored {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', nullable: true })
  displayName!: string | null;

  /** All of `credential_values`, sealed as one JSON object. */
  @Column({ type: 'text' })
  secrets!: string;

  /** `credential_info`: nothing secret. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  info!: Record<string, unknown>;
}
