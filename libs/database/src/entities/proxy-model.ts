import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Authored } from './authored.js';

/** A deployment that was added at run time; those of the configuration file have no row. */
@Entity('proxy_models')
export class ProxyModel extends Authored {
  /** `model_info.id`: the deployment's id. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** The model group: the name callers use. For a team's own model the name its members use. */
  @Column({ type: 'text' })
  modelName!: string;

  /** `litellm_params` without its secrets. */
  @Column({ type: 'jsonb' })
  params!: Record<string, unknown>;

  /** The secret members of `litellm_params`, sealed as one JSON object; null: there are none. */
  @Column({ type: 'text', nullable: true })
  secrets!: string | null;

  /** `model_info` without id and team. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  info!: Record<string, unknown>;

  /** Set for a model that only this team's keys can call. */
  @Column({ type: 'text', nullable: true })
  teamId!: string | null;

  /** Whether it may use what the proxy holds (variables of the environment, stored credentials): not when a team's administrator made it. */
  @Column({ type: 'boolean', default: true })
  trusted!: boolean;

  @Column({ type: 'boolean', default: false })
  blocked!: boolean;
}
