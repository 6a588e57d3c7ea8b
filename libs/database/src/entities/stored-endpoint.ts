import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Authored } from './authored.js';

/** A pass-through endpoint that was made by API, in the words of the configuration file. */
@Entity('pass_through_endpoints')
export class StoredEndpoint extends Authored {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  path!: string;

  /** Everything but the path and what is sealed. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  settings!: Record<string, unknown>;

  /** Target, headers and query parameters, sealed as one JSON object: an address can be a secret, too. */
  @Column({ type: 'text' })
  secrets!: string;
}
