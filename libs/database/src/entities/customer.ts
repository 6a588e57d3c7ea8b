import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Governed } from './governed.js';

/** An end user of a client's own product, named by requests: exists here once somebody gave it a setting or blocked it. */
@Entity('customers')
export class Customer extends Governed {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text', nullable: true })
  alias!: string | null;

  @Column({ type: 'boolean', default: false })
  blocked!: boolean;

  /** `eu` or `us`: only deployments of that region may serve it. */
  @Column({ type: 'text', nullable: true })
  allowedModelRegion!: string | null;

  /** What a request of this customer is served by, whatever model it names. */
  @Column({ type: 'text', nullable: true })
  defaultModel!: string | null;

  /** Empty: no restriction of its own. */
  @Column({ type: 'text', array: true, default: () => "'{}'" })
  models!: string[];
}
