import { Entity, PrimaryColumn } from 'typeorm';

/**
 * Puts models into an access group by its name, beside what their own `model_info.access_groups` says: so models of the
 * configuration file can be grouped at run time too.
 */
@Entity('access_group_models')
export class AccessGroupModel {
  @PrimaryColumn({ type: 'text' })
  accessGroup!: string;

  /** `name`: every deployment of a model group; `id`: one deployment. */
  @PrimaryColumn({ type: 'text' })
  kind!: 'name' | 'id';

  @PrimaryColumn({ type: 'text' })
  model!: string;
}
