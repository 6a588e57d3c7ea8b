import type { MigrationInterface, QueryRunner } from 'typeorm';
import { ADD_CUSTOMER_DAYS } from '../daily-activity-sql.js';
import { RAISE_TENANCY_WALL } from './tenancy-policies.js';

/**
 * Facets of many rows become parts of the table: a report over a thousand sums read a thousand pages of the ten million rows
 * of single keys between them. Each part has only the indexes that are asked of it. The wall asks for organizations before teams.
 */
export class DailyParts1700000000021 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(PARTS);
    await runner.query(ADD_CUSTOMER_DAYS);
    await runner.query(INDEXES);
    await runner.query(RAISE_TENANCY_WALL);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(ONE_TABLE);
  }
}

const COLUMNS = `day, row_id, facet, key_id, user_id, team_id, organization_id, customer_id, tags, model_group, model, provider, endpoint,
  requests, successes, spend_nano, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, response_ms`;

/** Sums change and names do not: with room left in its page, a changed row needs no index written. */
const PART = (name: string, values: string): string =>
  `CREATE TABLE daily_activity_${name} PARTITION OF daily_activity ${values} WITH (fillfactor = 70);`;

/** Copied in the order that the drain writes them in. */
const PARTS = `
SET LOCAL work_mem = '128MB';
SET LOCAL maintenance_work_mem = '128MB';
ALTER TABLE daily_activity RENAME TO daily_activity_whole;
ALTER TABLE daily_activity_whole DROP CONSTRAINT daily_activity_pkey;
CREATE TABLE daily_activity (LIKE daily_activity_whole INCLUDING DEFAULTS) PARTITION BY LIST (facet);
${PART('keys', `FOR VALUES IN ('key')`)}
${PART('customers', `FOR VALUES IN ('customer')`)}
${PART('tags', `FOR VALUES IN ('tags')`)}
${PART('teams', `FOR VALUES IN ('team')`)}
${PART('organization_tags', `FOR VALUES IN ('organization_tagged')`)}
${PART('customer_days', `FOR VALUES IN ('customer_days')`)}
${PART('sums', 'DEFAULT')}
INSERT INTO daily_activity (${COLUMNS}) SELECT ${COLUMNS} FROM daily_activity_whole WHERE facet <> 'customer_days'
  ORDER BY day, facet COLLATE "C", key_id COLLATE "C", row_id;
DROP TABLE daily_activity_whole;
ALTER TABLE daily_activity ADD PRIMARY KEY (facet, day, row_id);
`;

const INDEXES = `
CREATE INDEX daily_activity_keys_key_idx ON daily_activity_keys (key_id, day);
CREATE INDEX daily_activity_keys_user_idx ON daily_activity_keys (user_id, day) WHERE user_id IS NOT NULL;
CREATE INDEX daily_activity_keys_team_idx ON daily_activity_keys (team_id, day) WHERE team_id IS NOT NULL;
CREATE INDEX daily_activity_keys_organization_idx ON daily_activity_keys (organization_id, day) WHERE organization_id IS NOT NULL;
CREATE INDEX daily_activity_customers_customer_idx ON daily_activity_customers (customer_id, day);
CREATE INDEX daily_activity_customers_key_idx ON daily_activity_customers (key_id, day);
CREATE INDEX daily_activity_tags_key_idx ON daily_activity_tags (key_id, day);
CREATE INDEX daily_activity_tags_user_idx ON daily_activity_tags (user_id, day) WHERE user_id IS NOT NULL;
CREATE INDEX daily_activity_tags_team_idx ON daily_activity_tags (team_id, day) WHERE team_id IS NOT NULL;
CREATE INDEX daily_activity_tags_organization_idx ON daily_activity_tags (organization_id, day) WHERE organization_id IS NOT NULL;
CREATE INDEX daily_activity_tags_tags_idx ON daily_activity_tags USING gin (tags);
CREATE INDEX daily_activity_teams_team_idx ON daily_activity_teams (team_id, day);
CREATE INDEX daily_activity_teams_organization_idx ON daily_activity_teams (organization_id, day) WHERE organization_id IS NOT NULL;
CREATE INDEX daily_activity_organization_tags_idx ON daily_activity_organization_tags (organization_id, day);
CREATE INDEX daily_activity_customer_days_idx ON daily_activity_customer_days (customer_id, day);
CREATE INDEX daily_activity_sums_organization_idx ON daily_activity_sums (organization_id, facet, day) WHERE organization_id IS NOT NULL;
CREATE INDEX daily_activity_sums_team_idx ON daily_activity_sums (team_id, facet, day) WHERE team_id IS NOT NULL;
`;

const ONE_TABLE = `
ALTER TABLE daily_activity RENAME TO daily_activity_parts;
ALTER TABLE daily_activity_parts DROP CONSTRAINT daily_activity_pkey;
CREATE TABLE daily_activity (LIKE daily_activity_parts INCLUDING DEFAULTS, PRIMARY KEY (day, row_id)) WITH (fillfactor = 70);
INSERT INTO daily_activity (${COLUMNS}) SELECT ${COLUMNS} FROM daily_activity_parts WHERE facet <> 'customer_days';
DROP TABLE daily_activity_parts;
CREATE INDEX daily_activity_facet_idx ON daily_activity (facet, day) WHERE facet <> 'key';
CREATE INDEX daily_activity_key_idx ON daily_activity (key_id, day) WHERE facet = 'key';
CREATE INDEX daily_activity_user_idx ON daily_activity (user_id, day) WHERE facet IN ('key', 'tags') AND user_id IS NOT NULL;
CREATE INDEX daily_activity_team_idx ON daily_activity (team_id, day) WHERE facet = 'key' AND team_id IS NOT NULL;
CREATE INDEX daily_activity_organization_idx ON daily_activity (organization_id, day) WHERE facet = 'key' AND organization_id IS NOT NULL;
CREATE INDEX daily_activity_tags_idx ON daily_activity USING gin (tags) WHERE facet = 'tags';
CREATE INDEX daily_activity_customer_idx ON daily_activity (customer_id, day) WHERE facet = 'customer';
CREATE INDEX daily_activity_team_sums_idx ON daily_activity (team_id, day) WHERE facet = 'team';
CREATE INDEX daily_activity_organization_sums_idx ON daily_activity (organization_id, day) WHERE facet = 'organization';
CREATE INDEX daily_activity_organization_teams_idx ON daily_activity (organization_id, day) WHERE facet = 'team';
CREATE INDEX daily_activity_organization_tags_idx ON daily_activity (organization_id, day) WHERE facet = 'tags' AND organization_id IS NOT NULL;
CREATE INDEX daily_activity_organization_parts_idx ON daily_activity (organization_id, facet, day)
  WHERE facet IN ('organization_teams', 'organization_tagged', 'organization_tagging', 'team_days');
CREATE INDEX daily_activity_team_days_idx ON daily_activity (team_id, day) WHERE facet = 'team_days';
CREATE INDEX daily_activity_key_tags_idx ON daily_activity (key_id, day) WHERE facet = 'tags';
CREATE INDEX daily_activity_team_tags_idx ON daily_activity (team_id, day) WHERE facet = 'tags' AND team_id IS NOT NULL;
`;
