import { createDataSource } from '#libs/database';
import type { Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';

/** A row of LiteLLM's as JSON has it: columns differ between its versions, so none is taken for granted. */
export type Row = Readonly<Record<string, unknown>>;

/** The tables that are read; the others are only counted. */
const READ = [
  'BudgetTable', 'OrganizationTable', 'UserTable', 'OrganizationMembership', 'TeamTable', 'ModelTable', 'TeamMembership',
  'ProjectTable', 'EndUserTable', 'TagTable', 'VerificationToken', 'DeprecatedVerificationToken', 'AccessGroupTable',
  'CredentialsTable', 'ProxyModelTable', 'JWTKeyMapping', 'InvitationLink',
] as const; // prettier-ignore
type TableName = (typeof READ)[number];

/** What a LiteLLM database held at one instant, or what its configuration file says. */
export interface Source {
  readonly rows: (table: TableName) => readonly Row[];
  /** Rows of its other tables, by table; empty ones are left out. */
  readonly others: ReadonlyMap<string, number>;
  /** A file holds models and credentials alone, and nothing sealed: what it does not name is not gone. */
  readonly ofFile?: boolean;
}

/** Reads all of it in one snapshot and writes nothing. Throws when there is no LiteLLM in that database. */
export async function readSource(url: Secret, logger: Logger): Promise<Source> {
  const dataSource = await createDataSource(
    { url, poolSize: 1, statementTimeoutMs: 0, readOnly: true, applicationName: 'tollgate import' },
    logger,
  );
  try {
    return await dataSource.transaction('REPEATABLE READ', async (manager) => {
      const tables: { name: string }[] = await manager.query(
        `SELECT table_name AS name FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name LIKE 'LiteLLM\\_%' ORDER BY 1`,
      );
      const present = new Set(tables.map(({ name }) => name));
      if (!present.has('LiteLLM_VerificationToken'))
        throw new Error('there is no LiteLLM_VerificationToken in that database: is it LiteLLM’s?');
      const read = new Map<string, Row[]>();
      for (const table of READ) {
        const name = `LiteLLM_${table}`;
        if (!present.delete(name)) continue;
        const found: { row: Row }[] = await manager.query(
          `SELECT to_jsonb(t) AS row FROM "${name}" t ORDER BY t::text`,
        );
        read.set(
          table,
          found.map(({ row }) => row),
        );
      }
      const others = new Map<string, number>();
      for (const name of present) {
        const [row]: { n: string }[] = await manager.query(
          `SELECT count(*) AS n FROM "${name.replaceAll('"', '""')}"`,
        );
        if (Number(row?.n ?? 0) > 0) others.set(name, Number(row?.n));
      }
      return { rows: (table) => read.get(table) ?? [], others };
    });
  } finally {
    await dataSource.destroy();
  }
}
