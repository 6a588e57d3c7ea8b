import type { MigrationInterface, QueryRunner } from 'typeorm';
import { GOVERNED_COLUMNS } from './governed-columns.js';

/** Customers, budgets and tags; keys that rotate by themselves; indexes for every way a list of keys can be asked for. */
export class MoneyNouns1700000000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(NOUNS);
    await runner.query(KEYS);
    await runner.query(ADJUSTMENTS);
    await runner.query(LIST_INDEXES);
    await runner.query(PART_OF_NAME);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(UNDO);
  }
}

/** Rows point to a budget without a foreign key: like a key's user, it may be named before it exists, and deleting it frees them. */
const NOUNS = `
CREATE TABLE customers (
  id text PRIMARY KEY,
  alias text,
  blocked boolean NOT NULL DEFAULT false,
  allowed_model_region text,
  default_model text,
  models text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  ${GOVERNED_COLUMNS}
);
CREATE INDEX customers_budget_id_idx ON customers (budget_id) WHERE budget_id IS NOT NULL;
CREATE INDEX customers_budget_reset_at_idx ON customers (budget_reset_at) WHERE budget_reset_at IS NOT NULL;

CREATE TABLE budgets (
  id text PRIMARY KEY,
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  ${GOVERNED_COLUMNS}
);

CREATE TABLE tags (
  name text PRIMARY KEY,
  description text,
  models text[] NOT NULL DEFAULT '{}',
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  ${GOVERNED_COLUMNS}
);
CREATE INDEX tags_budget_id_idx ON tags (budget_id) WHERE budget_id IS NOT NULL;
`;

const KEYS = `
ALTER TABLE virtual_keys
  ADD COLUMN auto_rotate boolean NOT NULL DEFAULT false,
  ADD COLUMN rotation_interval text,
  ADD COLUMN rotation_at timestamptz,
  ADD COLUMN service_account_id text,
  ADD COLUMN rpm_limit_type text,
  ADD COLUMN tpm_limit_type text,
  ADD COLUMN throttle_on_budget_exceeded boolean NOT NULL DEFAULT false,
  ADD COLUMN customer_budget_id text;

CREATE TABLE key_graces (
  token_hash text PRIMARY KEY,
  key_id text NOT NULL,
  masked_name text NOT NULL,
  valid_until timestamptz NOT NULL,
  successor text
);
CREATE INDEX key_graces_key_id_idx ON key_graces (key_id);
CREATE INDEX key_graces_valid_until_idx ON key_graces (valid_until);

CREATE INDEX virtual_keys_rotation_at_idx ON virtual_keys (rotation_at) WHERE auto_rotate;
CREATE INDEX virtual_keys_budget_id_idx ON virtual_keys (budget_id) WHERE budget_id IS NOT NULL;
CREATE INDEX users_budget_id_idx ON users (budget_id) WHERE budget_id IS NOT NULL;
CREATE INDEX teams_budget_id_idx ON teams (budget_id) WHERE budget_id IS NOT NULL;
`;

/** What was added to or taken from what a scope has spent, outside any call: with the calls' entries it sums up to the balances. */
const ADJUSTMENTS = `
CREATE TABLE spend_adjustments (
  id text PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  scope_type text NOT NULL,
  scope_id text NOT NULL,
  budget text NOT NULL,
  period_id text NOT NULL,
  delta_nano bigint NOT NULL,
  to_nano bigint NOT NULL CHECK (to_nano >= 0),
  reason text NOT NULL,
  actor text
);
CREATE INDEX spend_adjustments_scope_idx ON spend_adjustments (scope_type, scope_id, at);
`;

/** Each order a list can be asked for is an index, with the tie-breaker that keeps pages apart. */
const LIST_INDEXES = `
CREATE INDEX virtual_keys_created_by_idx ON virtual_keys (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX virtual_keys_updated_at_idx ON virtual_keys (updated_at DESC, token_hash DESC);
CREATE INDEX virtual_keys_max_budget_idx ON virtual_keys (max_budget_nano NULLS FIRST, token_hash);
CREATE INDEX virtual_keys_shown_alias_idx ON virtual_keys (coalesce(alias, label) NULLS FIRST, token_hash);
-- Small enough to count half a million keys, in any state, without reading one of them.
CREATE INDEX virtual_keys_listed_idx ON virtual_keys (blocked, expires_at) WHERE team_id IS DISTINCT FROM 'litellm-dashboard';
CREATE INDEX virtual_keys_blocked_idx ON virtual_keys (created_at DESC, token_hash DESC) WHERE blocked;
CREATE INDEX archived_keys_deleted_idx ON archived_keys (archive_id DESC) WHERE reason = 'deleted';
CREATE INDEX archived_keys_user_idx ON archived_keys (("row" ->> 'user_id')) WHERE reason = 'deleted';
CREATE INDEX archived_keys_team_idx ON archived_keys (("row" ->> 'team_id')) WHERE reason = 'deleted';
`;

/**
 * Finds parts of names in half a million keys by index. The extension comes with PostgreSQL and may be made by a database's
 * owner; where it is not to be had the same question is answered by reading all names.
 */
const PART_OF_NAME = `
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX virtual_keys_alias_part_idx ON virtual_keys USING gin ((coalesce(alias, label)) gin_trgm_ops);
  CREATE INDEX virtual_keys_user_part_idx ON virtual_keys USING gin (user_id gin_trgm_ops) WHERE user_id IS NOT NULL;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
  RAISE NOTICE 'pg_trgm is not available: searching part of a key alias reads all keys.';
END
$$;
`;

const UNDO = `
DROP INDEX IF EXISTS virtual_keys_alias_part_idx, virtual_keys_user_part_idx;
DROP INDEX archived_keys_deleted_idx, archived_keys_user_idx, archived_keys_team_idx, virtual_keys_blocked_idx,
  virtual_keys_listed_idx, virtual_keys_shown_alias_idx, virtual_keys_max_budget_idx, virtual_keys_updated_at_idx,
  virtual_keys_created_by_idx, virtual_keys_rotation_at_idx,
  virtual_keys_budget_id_idx, users_budget_id_idx, teams_budget_id_idx;
DROP TABLE spend_adjustments;
DROP TABLE key_graces;
ALTER TABLE virtual_keys
  DROP COLUMN auto_rotate, DROP COLUMN rotation_interval, DROP COLUMN rotation_at, DROP COLUMN service_account_id,
  DROP COLUMN rpm_limit_type, DROP COLUMN tpm_limit_type, DROP COLUMN throttle_on_budget_exceeded, DROP COLUMN customer_budget_id;
DROP TABLE tags;
DROP TABLE budgets;
DROP TABLE customers;
`;
