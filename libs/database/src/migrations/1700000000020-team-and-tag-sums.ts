import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ADD_TEAM_AND_TAG_SUMS } from '../daily-activity-sql.js';

/**
 * What has a tag is summed for each organization, what has a team for the proxy and each organization, and each team's day in one row. Rows of
 * single keys with tags are found by key and by team without those that have none.
 */
export class TeamAndTagSums1700000000020 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // A database that got its first days just now has them: migration 8 sums calls into every facet there is today.
    await runner.query(REMOVE);
    await runner.query(ADD_TEAM_AND_TAG_SUMS);
    await runner.query(INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(REMOVE);
    await runner.query(FORMER_INDEXES);
  }
}

const FACETS = `'organization_teams', 'organization_tagged', 'organization_tagging', 'team_days', 'teams'`;
const REMOVE = `DELETE FROM daily_activity WHERE facet IN (${FACETS})`;

const INDEXES = `
CREATE INDEX daily_activity_organization_parts_idx ON daily_activity (organization_id, facet, day)
  WHERE facet IN ('organization_teams', 'organization_tagged', 'organization_tagging', 'team_days');
CREATE INDEX daily_activity_team_days_idx ON daily_activity (team_id, day) WHERE facet = 'team_days';
CREATE INDEX daily_activity_key_tags_idx ON daily_activity (key_id, day) WHERE facet = 'tags';
CREATE INDEX daily_activity_team_tags_idx ON daily_activity (team_id, day) WHERE facet = 'tags' AND team_id IS NOT NULL;
DROP INDEX daily_activity_team_idx, daily_activity_organization_idx;
CREATE INDEX daily_activity_team_idx ON daily_activity (team_id, day) WHERE facet = 'key' AND team_id IS NOT NULL;
CREATE INDEX daily_activity_organization_idx ON daily_activity (organization_id, day) WHERE facet = 'key' AND organization_id IS NOT NULL;
`;

const FORMER_INDEXES = `
DROP INDEX daily_activity_organization_parts_idx, daily_activity_team_days_idx, daily_activity_key_tags_idx, daily_activity_team_tags_idx,
  daily_activity_team_idx, daily_activity_organization_idx;
CREATE INDEX daily_activity_team_idx ON daily_activity (team_id, day) WHERE facet IN ('key', 'tags') AND team_id IS NOT NULL;
CREATE INDEX daily_activity_organization_idx ON daily_activity (organization_id, day) WHERE facet IN ('key', 'tags') AND organization_id IS NOT NULL;
`;
