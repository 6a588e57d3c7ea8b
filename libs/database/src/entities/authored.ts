import { Column } from 'typeorm';
import { Governed } from './governed.js';
import { Dated } from './dated.js';

/** A row that knows who made it and changed it last: a user's id or a credential's name; null for what the product did itself. */
export abstract class Authored extends Dated {
  @Column({ type: 'text', nullable: true })
  createdBy!: string | null;

  @Column({ type: 'text', nullable: true })
  updatedBy!: string | null;
}

/** The same of a row with limits and budgets. */
export abstract class AuthoredGoverned extends Governed {
  @Column({ type: 'text', nullable: true })
  createdBy!: string | null;

  @Column({ type: 'text', nullable: true })
  updatedBy!: string | null;
}
