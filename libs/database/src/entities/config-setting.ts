import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One setting that was changed at run time. The configuration file's own value wins over it. */
@Entity('config_settings')
export class ConfigSetting {
  /** `general_settings`, `litellm_settings`, `router_settings` or `environment_variables`. */
  @PrimaryColumn({ type: 'text' })
  section!: string;

  @PrimaryColumn({ type: 'text' })
  field!: string;

  /** Null where the value is a secret. */
  @Column({ type: 'jsonb', nullable: true })
  value!: unknown;

  /** The value's JSON, sealed. */
  @Column({ type: 'text', nullable: true })
  secret!: string | null;

  @Column({ type: 'text', nullable: true })
  updatedBy!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
