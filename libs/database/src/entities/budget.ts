import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Governed } from './governed.js';

/** Limits and budgets under a name of their own, for any number of rows to point at by `budgetId`. Each of them counts for itself. */
@Entity('budgets')
export class Budget extends Governed {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text', nullable: true })
  createdBy!: string | null;

  @Column({ type: 'text', nullable: true })
  updatedBy!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
