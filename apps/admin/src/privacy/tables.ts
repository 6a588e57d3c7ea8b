import type { EntityManager } from 'typeorm';
import type { PersonPattern } from './person-pattern.js';

type Queries = Pick<EntityManager, 'query'>;

interface Column {
  readonly name: string;
  /** `values`: JSON whose members have names of ours; `charges`: scopes and what they are charged; `row`: what was a row of another table. */
  readonly type: 'text' | 'list' | 'json' | 'values' | 'charges' | 'row';
}

/** A table, or one day of one that is partitioned, with the columns that can hold a text. */
export interface TextTable {
  readonly name: string;
  readonly columns: readonly Column[];
}

/** A day's table is its parent's. */
export function parentOf(table: string): string {
  return table.replace(/_\d{8}$/, '');
}

/** These have rules of their own, or hold nothing that came from outside. */
const APART = [
  'audit_events',
  'audit_values',
  'audit_checkpoints',
  'privacy_erasures',
  'schema_migrations',
  'changes',
  'app_state',
];

/**
 * Columns of words that are ours, and of what the operator serves, allows and spends. Callers choose what they call their users: one who is
 * called `user`, `success`, `30d`, `1000000000` or like a model is erased, and roles, sums, rights and limits stay what they are.
 */
const NOT_PEOPLE = `
  facet status flag usage_source endpoint provider price_version error_code code
  scope_type budget period_id budget_duration member_budget_duration member_key_duration
  role base kind credential key_type rpm_limit_type tpm_limit_type rotation_interval
  channel event method section field reason wrapped_by jwt_issuer jwt_claim_name
  model model_group models member_models allowed_models default_model model_name access_group
  routes allowed_routes member_permissions params settings value path aliases model_aliases allowed_model_region
  budget_windows model_budgets model_rpm_limits model_tpm_limits budget_id customer_budget_id
`
  .trim()
  .split(/\s+/);
/** Names of what the operator made, by which files, rights and models refer to it. */
const NAMES_OF_THINGS = ['budgets.id', 'credentials.name', 'custom_roles.name', 'access_groups.name'];
/** JSON columns in which other people name the members. */
const NAMED_BY_OTHERS = ['metadata', 'info', 'attributes', 'tag_rpm_limits'];

/**
 * Every table there is, read from the catalogue: one that is made tomorrow is searched too. A decision keeps the name of a model as it was
 * asked for, whether there is one or not: that is a text like any other.
 */
export async function textTables(database: Queries): Promise<readonly TextTable[]> {
  const rows: { name: string; column: string; type: string }[] = await database.query(
    `SELECT c.relname AS name, a.attname AS column, format_type(a.atttypid, NULL) AS type
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
       AND format_type(a.atttypid, NULL) IN ('text', 'character varying', 'jsonb', 'json', 'text[]') AND c.relname <> ALL ($1::text[])
       AND (a.attname <> ALL ($2::text[]) OR c.relname = 'decisions' AND a.attname = 'model')
       AND c.relname || '.' || a.attname <> ALL ($3::text[])
     ORDER BY c.relname, a.attnum`,
    [APART, NOT_PEOPLE, NAMES_OF_THINGS],
  );
  const tables = new Map<string, Column[]>();
  for (const { name, column, type } of rows) {
    tables.set(name, [...(tables.get(name) ?? []), { name: column, type: kindOf(column, type) }]);
  }
  return [...tables].map(([name, columns]) => ({ name, columns }));
}

function kindOf(column: string, type: string): Column['type'] {
  if (!type.startsWith('json')) return type === 'text[]' ? 'list' : 'text';
  if (column === 'charges' || column === 'row') return column;
  return NAMED_BY_OTHERS.includes(column) ? 'json' : 'values';
}

/** Puts the stand-in where the person was named; returns how many rows it changed. */
export async function replaceIn(
  manager: Queries,
  { name, columns }: TextTable,
  pattern: PersonPattern,
  standIn: string,
): Promise<number> {
  const sets = columns.map(
    (column) => `"${column.name}" = ${KINDS[column.type].cleaned(`"${column.name}"`)}`,
  );
  const result: [unknown, number] = await manager.query(
    `UPDATE "${name}" SET ${sets.join(', ')} WHERE ${matches(columns)}`,
    [pattern.text, pattern.json, standIn, pattern.values],
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
    [pattern.text, pattern.json, '', pattern.values],
  );
  return rows.map(({ row }) => row);
}

/** How a column is searched, and what it holds afterwards: expressions over its quoted name. */
interface Kind {
  readonly names: (column: string) => string;
  readonly cleaned: (column: string) => string;
}

/** `$1`: the person in a text; `$2`: in JSON; `$3`: the stand-in; `$4`: in the values of JSON. */
const KINDS: Readonly<Record<Column['type'], Kind>> = {
  text: {
    names: (column) => `${column} ~* $1`,
    cleaned: (column) => `regexp_replace(${column}, $1, $3, 'gi')`,
  },
  list: {
    names: (column) => `EXISTS (SELECT FROM unnest(${column}) AS item WHERE item ~* $1)`,
    cleaned: (column) => `(SELECT coalesce(array_agg(regexp_replace(item, $1, $3, 'gi') ORDER BY place), '{}')
    FROM unnest(${column}) WITH ORDINALITY AS items(item, place))`,
  },
  json: inJson('$2'),
  values: inJson('$4'),
  row: inRow(),
  charges: {
    names: (column) =>
      `EXISTS (SELECT FROM jsonb_array_elements(${column}) AS charge WHERE charge #>> '{scope,id}' ~* $1)`,
    cleaned: (
      column,
    ) => `(SELECT coalesce(jsonb_agg(coalesce(jsonb_set(charge, '{scope,id}', to_jsonb(regexp_replace(charge #>> '{scope,id}', $1, $3, 'gi'))), charge) ORDER BY place), '[]')
    FROM jsonb_array_elements(${column}) WITH ORDINALITY AS charges(charge, place))`,
  },
};

/** A member of what was a row is searched by the rule of the column that it was. */
function inRow(): Kind {
  const list = (names: readonly string[]): string => `ARRAY[${names.map((each) => `'${each}'`).join(', ')}]`;
  const isSearched = `member <> ALL (${list(NOT_PEOPLE)}) AND member !~ '_(at|nano)$'`;
  const pattern = `CASE WHEN member = ANY (${list(NAMED_BY_OTHERS)}) THEN $2 ELSE $4 END`;
  return {
    names: (column) =>
      `EXISTS (SELECT FROM jsonb_each(${column}) AS members(member, held) WHERE ${isSearched} AND held::text ~* ${pattern})`,
    cleaned: (column) => `(SELECT coalesce(jsonb_object_agg(member,
      CASE WHEN ${isSearched} THEN regexp_replace(held::text, ${pattern}, $3, 'gi')::jsonb ELSE held END), '{}')
    FROM jsonb_each(${column}) AS members(member, held))`,
  };
}

function inJson(pattern: '$2' | '$4'): Kind {
  return {
    names: (column) => `${column}::text ~* ${pattern}`,
    cleaned: (column) => `regexp_replace(${column}::text, ${pattern}, $3, 'gi')::jsonb`,
  };
}

function matches(columns: readonly Column[]): string {
  const conditions = columns.map(({ name, type }) => KINDS[type].names(`"${name}"`));
  // Every parameter is named, whatever columns there are: the server wants to know their types.
  return `(${conditions.join(' OR ')}) AND $1::text IS NOT NULL AND $2::text IS NOT NULL AND $4::text IS NOT NULL`;
}
