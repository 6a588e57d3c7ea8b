import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an organization did under one tag is found by the tag: each of these rows has exactly one. By its hash, because two names may be longer than an index takes. */
export class TagsOfOrganizations1700000000027 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX daily_activity_organization_tags_tag_idx ON daily_activity_organization_tags (organization_id, md5(tags[1]), day)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX daily_activity_organization_tags_tag_idx');
  }
}
