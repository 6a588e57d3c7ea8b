import type { EntityManager } from 'typeorm';
import type { PersonPattern } from './person-pattern.js';

type Queries = Pick<EntityManager, 'query'>;

interface Column {
  readonly name: string;
  readonly type: 'text' | 'json' | 'list';
}

/** A table, or one day of one that is partitioned, with the columns that can hold a text. */
export interface TextTable {
  readonly name: string;
  readonly columns: readonly Column[];
}

/** These have rules of their own, or hold nothing that came from outside. */
const APART = [
  'audit_events',
  'audit_values',
  'audit_checkpoints',
  'privacy_erasures',
  'schema_migrations',
  'changes',
];

/**
 * Every table there is, read from the catalogue: one that is made tomorrow is searched too. Not the word of ours that tells daily
 * sums apart: whoever is called the same is erased, and the sums stay what they are.
 */
export async function textTables(database: Queries): Promise<readonly TextTable[]> {
  const rows: { name: string; column: string; type: string }[] = await database.query(
    `SELECT c.relname AS name, a.attname AS column, format_type(a.atttypid, NULL) AS type
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
       AND format_type(a.atttypid, NULL) IN ('text', 'character varying', 'jsonb', 'json', 'text[]') AND c.relname <> ALL ($1::text[])
       AND NOT (a.attname = 'facet' AND c.relname LIKE 'daily_activity%')
     ORDER BY c.relname, a.attnum`,
    [APART],
  );
  const tables = new Map<string, Column[]>();
  for (const { name, column, type } of rows) {
    const kind = type.startsWith('json') ? 'json' : type === 'text[]' ? 'list' : 'text';
    tables.set(name, [...(tables.get(name) ?? []), { name: column, type: kind }]);
  }
  return [...tables].map(([name, columns]) => ({ name, columns }));
}

/** Puts the stand-in where the person was named; returns how many rows it changed. */
export async function replaceIn(
  manager: Queries,
  { name, columns }: TextTable,
  pattern: PersonPattern,
  standIn: string,
): Promise<number> {
  const sets = columns.map((column) => `"${column.name}" = ${replaced(column)}`);
  const result: [unknown, number] = await manager.query(
    `UPDATE "${name}" SET ${sets.join(', ')} WHERE ${matches(columns)}`,
    [pattern.text, pattern.json, standIn],
  );
  return result[1];
}

/** Rows that name the person, as JSON; at most `limit`. */
export async function rowsNaming(
  manager: Queries,
  { name, columns }: TextTable,
  pattern: PersonPattern,
  limit: number,
): Promise<readonly Record<string, unknown>[]> {
  const rows: { row: Record<string, unknown> }[] = await manager.query(
    `SELECT to_jsonb(t) AS row FROM "${name}" AS t WHERE ${matches(columns)} AND $3::text IS NOT NULL LIMIT ${limit}`,
    [pattern.text, pattern.json, ''],
  );
  return rows.map(({ row }) => row);
}

function matches(columns: readonly Column[]): string {
  const conditions = columns.map(({ name, type }) => {
    if (type === 'json') return `"${name}"::text ~* $2`;
    return type === 'list'
      ? `EXISTS (SELECT FROM unnest("${name}") AS item WHERE item ~* $1)`
      : `"${name}" ~* $1`;
  });
  // Every parameter is named, whatever columns there are: the server wants to know their types.
  return `(${conditions.join(' OR ')}) AND $1::text IS NOT NULL AND $2::text IS NOT NULL`;
}

function replaced({ name, type }: Column): string {
  if (type === 'json') return `regexp_replace("${name}"::text, $2, $3, 'gi')::jsonb`;
  if (type === 'text') return `regexp_replace("${name}", $1, $3, 'gi')`;
  return `(SELECT coalesce(array_agg(regexp_replace(item, $1, $3, 'gi') ORDER BY place), '{}')
    FROM unnest("${name}") WITH ORDINALITY AS items(item, place))`;
}
