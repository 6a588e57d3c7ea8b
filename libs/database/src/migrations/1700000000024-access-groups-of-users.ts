import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Access groups are given to people, too. */
export class AccessGroupsOfUsers1700000000024 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE access_groups ADD COLUMN user_ids text[] NOT NULL DEFAULT '{}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE access_groups DROP COLUMN user_ids');
  }
}
