import { Column } from 'typeorm';

/** A row that knows when it was made and when it was changed last. */
export abstract class Dated {
  @Column({ type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}
