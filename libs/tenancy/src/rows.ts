import type { DataSource, EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';

/** A part of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** How many there are on all pages. */
  readonly total: number;
}

/** Which part of a list. */
export interface Paging {
  /** From 1. */
  readonly page: number;
  readonly size: number;
}

/** A row as the driver or as JSON gives it, as the entity it is; columns that the row does not have are null. */
export function entityFromRow<Row extends ObjectLiteral>(
  database: DataSource,
  target: EntityTarget<Row>,
  row: Readonly<Record<string, unknown>>,
): Row {
  const { columns, target: made } = database.getMetadata(target);
  const entity = new (made as new () => Row)();
  for (const column of columns) {
    const stored = row[column.databaseName] ?? null;
    const transformer = Array.isArray(column.transformer) ? column.transformer[0] : column.transformer;
    const value =
      column.type === 'timestamptz' && typeof stored === 'string'
        ? new Date(stored)
        : (transformer?.from(stored) ?? stored);
    column.setEntityValue(entity, value);
  }
  return entity;
}

/** Conditions of one query with their values, in order. */
export class Conditions {
  readonly values: unknown[] = [];
  readonly #texts: string[] = [];

  /** `?` in the text stands for the values, in order. */
  add(text: string, ...values: readonly unknown[]): this {
    let next = 0;
    this.#texts.push(text.replaceAll('?', () => this.bind(values[next++])));
    return this;
  }

  /** The placeholder of one more value. */
  bind(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  toString(): string {
    return this.#texts.length === 0 ? 'true' : this.#texts.map((text) => `(${text})`).join(' AND ');
  }
}

/** A LIKE pattern that finds the text anywhere, its own `%`, `_` and `\` taken as letters. */
export function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

/** One page of a table and how many rows match in all, in one query. `extras`: more columns, each an expression over `page`. */
export async function pageOf(
  manager: EntityManager,
  {
    table,
    conditions,
    order,
    limit,
    offset,
    extras = {},
  }: {
    readonly table: string;
    readonly conditions: Conditions;
    readonly order: string;
    readonly limit: number;
    readonly offset: number;
    readonly extras?: Readonly<Record<string, string>>;
  },
): Promise<{ rows: Record<string, unknown>[]; total: number }> {
  const more = Object.entries(extras).map(([name, expression]) => `, ${expression} AS "${name}"`);
  const where = conditions.toString();
  const found: Record<string, unknown>[] = await manager.query(
    `WITH page AS (SELECT * FROM ${table} WHERE ${where} ORDER BY ${order} LIMIT ${limit} OFFSET ${offset})
     SELECT counted.total AS "listTotal", page.*${more.join('')}
       FROM (SELECT count(*) AS total FROM ${table} WHERE ${where}) counted LEFT JOIN page ON true
      ORDER BY ${order}`,
    conditions.values,
  );
  return { rows: found.filter((row) => row['id'] !== null), total: Number(found[0]?.['listTotal'] ?? 0) };
}
