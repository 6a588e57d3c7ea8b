import { Column } from 'typeorm';

// A mixin's parameter has to be `any[]`, says TypeScript (TS2545).
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Base = abstract new (...parts: any[]) => object;

/** A row that knows when it was made and changed last, beside whatever `Rest` gives it: `class Team extends Dated(Governed)`. */
export function Dated<T extends Base>(Rest: T) {
  abstract class DatedRow extends Rest {
    @Column({ type: 'timestamptz', default: () => 'now()' })
    createdAt!: Date;

    @Column({ type: 'timestamptz', default: () => 'now()' })
    updatedAt!: Date;
  }
  return DatedRow;
}

/** The same, and who did it: a user's id or a credential's name; null for what the product did itself. */
export function Authored<T extends Base>(Rest: T) {
  abstract class AuthoredRow extends Dated(Rest) {
    @Column({ type: 'text', nullable: true })
    createdBy!: string | null;

    @Column({ type: 'text', nullable: true })
    updatedBy!: string | null;
  }
  return AuthoredRow;
}

/** What has no limits or budgets starts from nothing. */
export abstract class Row {}
