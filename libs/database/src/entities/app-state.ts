import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Small facts the product keeps about itself, by name. */
@Entity('app_state')
export class AppState {
  @PrimaryColumn({ type: 'text' })
  name!: string;

  @Column({ type: 'jsonb' })
  value!: unknown;
}
