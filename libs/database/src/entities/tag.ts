import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Governed } from './governed.js';

/** A word that keys, teams and requests carry, with limits and a budget for everything that carries it. */
@Entity('tags')
export class Tag extends Governed {
  @PrimaryColumn({ type: 'text' })
  name!: string;

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  /** Ids of the deployments that serve requests with this tag. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];

  @Column({ type: 'text', nullable: true })
  createdBy!: string | null;
}
