import { Entity, PrimaryColumn } from 'typeorm';
import { Authored } from './authored.js';
import { Governed } from './governed.js';

/** Limits and budgets under a name of their own, for any number of rows to point at by `budgetId`. Each of them counts for itself. */
@Entity('budgets')
export class Budget extends Authored(Governed) {
  @PrimaryColumn({ type: 'text' })
  id!: string;
}
