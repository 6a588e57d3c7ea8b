import { type DataSource, MigrationExecutor } from 'typeorm';
import { isWallStanding, raiseTenancyWall } from './tenancy/tenancy-wall.js';

/** Any number, as long as every release uses the same one. */
const MIGRATION_LOCK = '7306286116215154510';

/**
 * Brings the schema up to date, raises the wall between tenants, and returns the names of the migrations that ran; none
 * when there is nothing to do.
 * Any number of processes may call it at once: one migrates, the others wait for it. Needs a direct connection (not a
 * pooler in transaction mode), because the lock belongs to the session; a process that dies lets go of it.
 * Throws when a later release has been here: what it keeps up, this one would let fall behind without a word.
 */
export async function runMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  await runner.connect();
  try {
    // Waiting for another process, or building an index, takes as long as it takes.
    await runner.query('SET statement_timeout = 0');
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    try {
      const executor = new MigrationExecutor(dataSource, runner);
      assertKnown(dataSource, await executor.getExecutedMigrations());
      const ran = await executor.executePendingMigrations();
      // Where it could not be raised before, somebody may have made the role since.
      if (ran.length > 0 || !(await isWallStanding(runner))) await raiseTenancyWall(runner);
      return ran.map(({ name }) => name);
    } finally {
      await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      await runner.query('RESET statement_timeout');
    }
  } finally {
    await runner.release();
  }
}

/** How this database's schema stands to this release, by the names of migrations. Changes nothing; `isEmpty`: Tollgate was never started on it. */
export interface SchemaState {
  readonly isEmpty: boolean;
  readonly pending: readonly string[];
  /** Of a later release. */
  readonly unknown: readonly string[];
}

export async function findSchemaState(dataSource: DataSource): Promise<SchemaState> {
  const table = dataSource.options.migrationsTableName ?? 'migrations';
  const [row]: { there: boolean }[] = await dataSource.query('SELECT to_regclass($1) IS NOT NULL AS there', [
    table,
  ]);
  const executed: { name: string }[] =
    row?.there === true ? await dataSource.query(`SELECT name FROM ${table} ORDER BY timestamp`) : [];
  const done = new Set(executed.map(({ name }) => name));
  const known = namesOf(dataSource);
  return {
    isEmpty: executed.length === 0,
    pending: [...known].filter((name) => !done.has(name)),
    unknown: [...done].filter((name) => !known.has(name)),
  };
}

function namesOf({ migrations }: DataSource): Set<string> {
  return new Set(migrations.map(({ name, constructor }) => name ?? constructor.name));
}

function assertKnown(dataSource: DataSource, executed: readonly { readonly name: string }[]): void {
  const known = namesOf(dataSource);
  const unknown = executed.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  if (unknown.length === 0) return;
  throw new Error(
    `This database belongs to a later release (${unknown.join(', ')}). Start that release, or restore the backup from before the upgrade.`,
  );
}
