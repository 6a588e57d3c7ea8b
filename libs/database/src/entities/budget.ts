import { Entity, PrimaryColumn } from 'typeorm';
import { AuthoredGoverned } from './authored.js';

/** Limits and budgets under a name of their own, for any number of rows to point at by `budgetId`. Each of them counts for itself. */
@Entity('budgets')
export class Budget extends AuthoredGoverned {
  @PrimaryColumn({ type: 'text' })
  id!: string;
}
