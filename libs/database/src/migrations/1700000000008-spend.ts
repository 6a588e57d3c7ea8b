import type { MigrationInterface, QueryRunner } from 'typeorm';
import { addToDailyActivity, NAMED_BEFORE_PARTS } from '../daily-activity-sql.js';

/** What was spent, by day; who spent most; and what people are told about it. */
export class Spend1700000000008 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ACTIVITY);
    await runner.query(addToDailyActivity('ledger_entries', 1, NAMED_BEFORE_PARTS));
    await runner.query(ACTIVITY_INDEXES);
    await runner.query(RANKS);
    await runner.query(LEDGER);
    await runner.query(ALERTS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `DROP TABLE alert_deliveries, alerts, daily_activity; ALTER TABLE balances DROP COLUMN magnitude;
       DROP INDEX virtual_keys_soft_budget_idx, ledger_entries_session_idx, ledger_entries_customer_idx, ledger_entries_organization_idx`,
    );
  }
}

/** Sums change and names do not: with room left in its page, a changed row needs no index written. */
const ACTIVITY = `
CREATE TABLE daily_activity (
  day date NOT NULL,
  row_id uuid NOT NULL,
  facet text NOT NULL,
  key_id text,
  user_id text,
  team_id text,
  organization_id text,
  customer_id text,
  tags text[] NOT NULL DEFAULT '{}',
  model_group text NOT NULL,
  model text NOT NULL,
  provider text NOT NULL,
  endpoint text NOT NULL,
  requests bigint NOT NULL,
  successes bigint NOT NULL,
  spend_nano bigint NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cache_read_tokens bigint NOT NULL,
  cache_write_tokens bigint NOT NULL,
  response_ms bigint NOT NULL,
  PRIMARY KEY (day, row_id)
) WITH (fillfactor = 70);
`;

/** Made when the table is full: each row would be written into each of them. */
const ACTIVITY_INDEXES = `
CREATE INDEX daily_activity_facet_idx ON daily_activity (facet, day) WHERE facet <> 'key';
CREATE INDEX daily_activity_key_idx ON daily_activity (key_id, day) WHERE facet = 'key';
CREATE INDEX daily_activity_user_idx ON daily_activity (user_id, day) WHERE facet IN ('key', 'tags') AND user_id IS NOT NULL;
CREATE INDEX daily_activity_team_idx ON daily_activity (team_id, day) WHERE facet IN ('key', 'tags') AND team_id IS NOT NULL;
CREATE INDEX daily_activity_organization_idx ON daily_activity (organization_id, day) WHERE facet IN ('key', 'tags') AND organization_id IS NOT NULL;
CREATE INDEX daily_activity_tags_idx ON daily_activity USING gin (tags) WHERE facet = 'tags';
CREATE INDEX daily_activity_customer_idx ON daily_activity (customer_id, day) WHERE facet = 'customer';
`;

/**
 * The order of scopes by what they spent in their life, in steps of a tenth: an index on the exact amount would have to be
 * written for every call, one on the step only when it is passed. Within a step, the reader sorts.
 */
const RANKS = `
ALTER TABLE balances ADD COLUMN magnitude smallint NOT NULL
  GENERATED ALWAYS AS (floor(ln(greatest(settled_nano, 1)) / ln(1.1::float8))::smallint) STORED;
CREATE INDEX balances_magnitude_idx ON balances (scope_type, magnitude DESC) WHERE budget = 'total';
`;

const LEDGER = `
CREATE INDEX ledger_entries_session_idx ON ledger_entries (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX ledger_entries_customer_idx ON ledger_entries (customer_id, started_at) WHERE customer_id IS NOT NULL;
CREATE INDEX ledger_entries_organization_idx ON ledger_entries (organization_id, started_at) WHERE organization_id IS NOT NULL;
`;

const ALERTS = `
CREATE INDEX virtual_keys_soft_budget_idx ON virtual_keys (id) WHERE soft_budget_nano IS NOT NULL AND max_budget_nano IS NULL;
CREATE TABLE alerts (
  id text PRIMARY KEY,
  event text NOT NULL,
  scope_type text NOT NULL,
  scope_id text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alerts_created_at_idx ON alerts (created_at);
CREATE TABLE alert_deliveries (
  alert_id text NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  channel text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz,
  given_up_at timestamptz,
  last_error text,
  PRIMARY KEY (alert_id, channel)
);
CREATE INDEX alert_deliveries_due_idx ON alert_deliveries (next_attempt_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;
`;
