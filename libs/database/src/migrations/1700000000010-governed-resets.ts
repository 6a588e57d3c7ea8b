import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rows whose shown reset time is due are found without reading the others. */
export class GovernedResets1700000000010 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES)
      await runner.query(
        `CREATE INDEX ${table}_resets_idx ON ${table} (budget_reset_at) WHERE budget_duration IS NOT NULL`,
      );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.query(`DROP INDEX ${table}_resets_idx`);
  }
}

const TABLES = ['team_members', 'organizations', 'organization_members', 'projects', 'tags'];
