import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Requests per minute that a key allows under a tag: `tag_rpm_limit`. */
export class TagLimits1700000000018 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE virtual_keys ADD COLUMN tag_rpm_limits jsonb NOT NULL DEFAULT '{}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE virtual_keys DROP COLUMN tag_rpm_limits');
  }
}
