import type { DataSource, EntityManager } from 'typeorm';
import { withTransaction } from '../with-transaction.js';
import { dataKeyOf, sealedPrefix } from './envelope.js';
import { SECRET_COLUMNS, type SecretColumn, type SecretColumnName } from './secret-column.js';
import type { SecretColumns } from './secret-columns.js';

/** What one column holds, for `--check` and for the report of a rotation. */
export interface SecretColumnState {
  /** `proxy_models.secrets`. */
  readonly column: string;
  /** Sealed with the active data key. */
  readonly current: number;
  /** Sealed with an earlier one, and readable. */
  readonly older: number;
  readonly unreadable: number;
}

const ACTOR = { system: 'secrets.rotate' };
/** A batch holds its rows for some milliseconds: no write waits for long. */
const BATCH = 100;

interface SealedRow {
  readonly row_id: string;
  readonly sealed: string;
}

const names = Object.keys(SECRET_COLUMNS) as SecretColumnName[];

/** Opens every stored secret once and says how it is sealed. Changes nothing. */
export async function checkSecrets(
  dataSource: DataSource,
  secrets: SecretColumns,
): Promise<SecretColumnState[]> {
  const active = await activeKey(dataSource);
  const states: SecretColumnState[] = [];
  for (const name of names) {
    const column = SECRET_COLUMNS[name];
    const state = { column: `${column.table}.${column.column}`, current: 0, older: 0, unreadable: 0 };
    for await (const { row_id: id, sealed } of sealedRows(dataSource.manager, column)) {
      const isReadable = await secrets.open(dataSource.manager, name, id, sealed).then(
        () => true,
        () => false,
      );
      if (!isReadable) state.unreadable += 1;
      else if (dataKeyOf(sealed) === active) state.current += 1;
      else state.older += 1;
    }
    states.push(state);
  }
  return states;
}

/**
 * Seals every stored secret anew, with a new data key wrapped by the current encryption key, and throws the old data keys
 * away. Safe under load and from several places: values are exchanged one by one, only where they are still what was read. A rotation that
 * was cut short is finished, not begun again. Throws at the first secret that does not open; nothing is lost then.
 */
export async function rotateSecrets(
  dataSource: DataSource,
  secrets: SecretColumns,
): Promise<SecretColumnState[]> {
  await withTransaction(dataSource, ACTOR, (manager) => secrets.startRotation(manager));
  const active = await activeKey(dataSource);
  if (active === undefined) return checkSecrets(dataSource, secrets);
  for (const name of names) {
    let after: string | undefined;
    do after = await resealBatch(dataSource, secrets, name, active, after);
    while (after !== undefined);
  }
  await withTransaction(dataSource, ACTOR, (manager) =>
    manager.query('DELETE FROM encryption_keys WHERE NOT active AND id <> $1', [active]),
  );
  return checkSecrets(dataSource, secrets);
}

/** One batch in one transaction; returns where the next one starts, undefined at the end. */
function resealBatch(
  dataSource: DataSource,
  secrets: SecretColumns,
  name: SecretColumnName,
  active: string,
  after: string | undefined,
): Promise<string | undefined> {
  const column: SecretColumn = SECRET_COLUMNS[name];
  return withTransaction(dataSource, ACTOR, async (manager) => {
    const rows = await nextRows(manager, column, after, active);
    for (const { row_id: id, sealed } of rows) {
      const plain = await secrets.open(manager, name, id, sealed);
      const resealed = await secrets.seal(manager, name, id, plain);
      await manager.query(
        `UPDATE ${column.table} SET ${column.column} = $1 WHERE ${column.rowId} = $2 AND ${column.column} = $3`,
        [resealed, id, sealed],
      );
    }
    return rows.at(-1)?.row_id;
  });
}

/** Every sealed row of a column, read in batches. */
async function* sealedRows(manager: EntityManager, column: SecretColumn): AsyncGenerator<SealedRow> {
  for (let after: string | undefined; ;) {
    const rows = await nextRows(manager, column, after, undefined);
    yield* rows;
    after = rows.at(-1)?.row_id;
    if (after === undefined) return;
  }
}

/** Sealed rows in order of their ids; with `except`, only those that this data key did not seal. */
function nextRows(
  manager: EntityManager,
  { table, column, rowId }: SecretColumn,
  after: string | undefined,
  except: string | undefined,
): Promise<SealedRow[]> {
  return manager.query(
    `SELECT ${rowId} AS row_id, ${column} AS sealed FROM ${table}
     WHERE ${column} IS NOT NULL AND ($1::text IS NULL OR ${rowId} > $1)
       AND ($2::text IS NULL OR NOT starts_with(${column}, $2))
     ORDER BY ${rowId} LIMIT ${BATCH}`,
    [after ?? null, except === undefined ? null : sealedPrefix(except)],
  );
}

async function activeKey(dataSource: DataSource): Promise<string | undefined> {
  const rows: { id: string }[] = await dataSource.query('SELECT id FROM encryption_keys WHERE active');
  return rows[0]?.id;
}
