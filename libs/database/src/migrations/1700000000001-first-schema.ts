import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The schema as of the first release, in one step. */
export class FirstSchema1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TENANCY);
    await runner.query(RECORDS);
    await runner.query(MONEY);
    await runner.query(PARTITIONS);
  }

  /** There is nothing before the first schema; going back means restoring a backup. */
  async down(): Promise<void> {
    throw new Error('The first schema cannot be undone.');
  }
}

/**
 * No foreign key points from a key to its user or team: an admin may name one that does not exist yet, and a deleted
 * one must not take the history of its keys along.
 */
const TENANCY = `
CREATE TABLE virtual_keys (
  id text PRIMARY KEY,
  token_hash text NOT NULL,
  masked_name text NOT NULL,
  alias text,
  label text,
  user_id text,
  team_id text,
  organization_id text,
  project_id text,
  customer_id text,
  models text[] NOT NULL DEFAULT '{}',
  aliases jsonb NOT NULL DEFAULT '{}',
  allowed_routes text[] NOT NULL DEFAULT '{}',
  max_budget_nano bigint CHECK (max_budget_nano >= 0),
  soft_budget_nano bigint CHECK (soft_budget_nano >= 0),
  budget_duration text,
  budget_anchor_at timestamptz,
  budget_reset_at timestamptz,
  rpm_limit integer CHECK (rpm_limit >= 0),
  tpm_limit bigint CHECK (tpm_limit >= 0),
  max_parallel_requests integer CHECK (max_parallel_requests >= 0),
  tags text[] NOT NULL DEFAULT '{}',
  metadata jsonb NOT NULL DEFAULT '{}',
  blocked boolean NOT NULL DEFAULT false,
  expires_at timestamptz,
  key_type text,
  rotation_count integer NOT NULL DEFAULT 0,
  last_rotation_at timestamptz,
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  settings_updated_at timestamptz,
  last_active_at timestamptz
);
CREATE UNIQUE INDEX virtual_keys_token_hash_key ON virtual_keys (token_hash);
CREATE UNIQUE INDEX virtual_keys_alias_key ON virtual_keys (alias) WHERE alias IS NOT NULL;
CREATE INDEX virtual_keys_user_id_idx ON virtual_keys (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX virtual_keys_team_id_idx ON virtual_keys (team_id) WHERE team_id IS NOT NULL;
CREATE INDEX virtual_keys_created_at_idx ON virtual_keys (created_at DESC, token_hash DESC);
CREATE INDEX virtual_keys_budget_reset_at_idx ON virtual_keys (budget_reset_at) WHERE budget_reset_at IS NOT NULL;

CREATE TABLE archived_keys (
  archive_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL,
  token_hash text NOT NULL,
  "row" jsonb NOT NULL,
  reason text NOT NULL DEFAULT 'deleted' CHECK (reason IN ('deleted', 'rotated')),
  deleted_at timestamptz NOT NULL DEFAULT now(),
  deleted_by text
);
CREATE INDEX archived_keys_id_idx ON archived_keys (id);
CREATE INDEX archived_keys_token_hash_idx ON archived_keys (token_hash);

CREATE TABLE users (
  id text PRIMARY KEY,
  email text,
  alias text,
  role text NOT NULL DEFAULT 'internal_user',
  models text[] NOT NULL DEFAULT '{}',
  max_budget_nano bigint CHECK (max_budget_nano >= 0),
  soft_budget_nano bigint CHECK (soft_budget_nano >= 0),
  budget_duration text,
  budget_anchor_at timestamptz,
  budget_reset_at timestamptz,
  rpm_limit integer CHECK (rpm_limit >= 0),
  tpm_limit bigint CHECK (tpm_limit >= 0),
  max_parallel_requests integer CHECK (max_parallel_requests >= 0),
  metadata jsonb NOT NULL DEFAULT '{}',
  blocked boolean NOT NULL DEFAULT false,
  sso_user_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email)) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX users_sso_user_id_key ON users (sso_user_id) WHERE sso_user_id IS NOT NULL;
CREATE INDEX users_budget_reset_at_idx ON users (budget_reset_at) WHERE budget_reset_at IS NOT NULL;

CREATE TABLE teams (
  id text PRIMARY KEY,
  alias text,
  organization_id text,
  models text[] NOT NULL DEFAULT '{}',
  model_aliases jsonb NOT NULL DEFAULT '{}',
  max_budget_nano bigint CHECK (max_budget_nano >= 0),
  soft_budget_nano bigint CHECK (soft_budget_nano >= 0),
  budget_duration text,
  budget_anchor_at timestamptz,
  budget_reset_at timestamptz,
  rpm_limit integer CHECK (rpm_limit >= 0),
  tpm_limit bigint CHECK (tpm_limit >= 0),
  max_parallel_requests integer CHECK (max_parallel_requests >= 0),
  tags text[] NOT NULL DEFAULT '{}',
  metadata jsonb NOT NULL DEFAULT '{}',
  blocked boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX teams_organization_id_idx ON teams (organization_id) WHERE organization_id IS NOT NULL;
CREATE INDEX teams_budget_reset_at_idx ON teams (budget_reset_at) WHERE budget_reset_at IS NOT NULL;

CREATE TABLE team_members (
  team_id text NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role text NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_user_id_idx ON team_members (user_id);
`;

const RECORDS = `
CREATE TABLE audit_events (
  id text PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor_user_id text,
  actor_key_id text,
  actor_ip text,
  request_id text,
  action text NOT NULL,
  noun text NOT NULL,
  noun_id text NOT NULL,
  before jsonb,
  after jsonb
);
CREATE INDEX audit_events_at_idx ON audit_events (at DESC);
CREATE INDEX audit_events_noun_idx ON audit_events (noun, noun_id, at DESC);

CREATE TABLE changes (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  noun text NOT NULL,
  noun_id text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX changes_xid_idx ON changes (xid, seq);

CREATE TABLE proxy_instances (
  incarnation text PRIMARY KEY,
  role text NOT NULL,
  host text NOT NULL,
  pid integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  heartbeat_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE app_state (
  name text PRIMARY KEY,
  value jsonb NOT NULL
);
`;

const MONEY = `
CREATE TABLE ledger_entries (
  day date NOT NULL,
  id text NOT NULL,
  request_id text NOT NULL,
  response_id text,
  client_call_id text,
  session_id text,
  started_at timestamptz NOT NULL,
  ended_at timestamptz NOT NULL,
  first_byte_at timestamptz,
  endpoint text NOT NULL,
  stream boolean NOT NULL,
  status text NOT NULL CHECK (status IN ('success', 'failure')),
  flag text NOT NULL DEFAULT '',
  error_code text,
  error_message text,
  model_group text NOT NULL,
  model text NOT NULL,
  provider text NOT NULL,
  deployment_id text NOT NULL,
  api_base text NOT NULL,
  key_id text,
  key_hash text,
  user_id text,
  team_id text,
  organization_id text,
  customer_id text,
  tags text[] NOT NULL DEFAULT '{}',
  requester_ip text,
  user_agent text,
  input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens bigint NOT NULL DEFAULT 0,
  cache_read_tokens bigint NOT NULL DEFAULT 0,
  cache_write_tokens bigint NOT NULL DEFAULT 0,
  cache_write_hour_tokens bigint NOT NULL DEFAULT 0,
  reasoning_tokens bigint NOT NULL DEFAULT 0,
  input_audio_tokens bigint NOT NULL DEFAULT 0,
  output_audio_tokens bigint NOT NULL DEFAULT 0,
  usage_source text NOT NULL CHECK (usage_source IN ('provider', 'estimated')),
  cost_nano bigint NOT NULL,
  input_cost_nano bigint NOT NULL DEFAULT 0,
  output_cost_nano bigint NOT NULL DEFAULT 0,
  crash_charge_nano bigint NOT NULL DEFAULT 0,
  price_version text NOT NULL,
  charges jsonb NOT NULL DEFAULT '[]',
  drained_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
CREATE INDEX ledger_entries_started_at_idx ON ledger_entries (started_at DESC);
CREATE INDEX ledger_entries_key_idx ON ledger_entries (key_id, started_at) WHERE key_id IS NOT NULL;
CREATE INDEX ledger_entries_user_idx ON ledger_entries (user_id, started_at) WHERE user_id IS NOT NULL;
CREATE INDEX ledger_entries_team_idx ON ledger_entries (team_id, started_at) WHERE team_id IS NOT NULL;
CREATE INDEX ledger_entries_request_id_idx ON ledger_entries (request_id);
CREATE INDEX ledger_entries_response_id_idx ON ledger_entries (response_id) WHERE response_id IS NOT NULL;
CREATE INDEX ledger_entries_client_call_id_idx ON ledger_entries (client_call_id) WHERE client_call_id IS NOT NULL;

CREATE TABLE balances (
  scope_type text NOT NULL,
  scope_id text NOT NULL,
  budget text NOT NULL,
  period_id text NOT NULL,
  settled_nano bigint NOT NULL DEFAULT 0,
  requests bigint NOT NULL DEFAULT 0,
  input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope_type, scope_id, budget, period_id)
) WITH (fillfactor = 70);

CREATE TABLE budget_periods (
  scope_type text NOT NULL,
  scope_id text NOT NULL,
  budget text NOT NULL,
  period_id text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz,
  cap_nano bigint,
  settled_nano bigint NOT NULL DEFAULT 0,
  closed_at timestamptz,
  PRIMARY KEY (scope_type, scope_id, budget, period_id)
);
`;

/**
 * A partition is made beside the table and then attached, because ATTACH lets running inserts go on, and CREATE ...
 * PARTITION OF waits for them and makes everybody else wait behind it. The lock makes one process do it; a day that
 * already has its partition takes no lock at all.
 */
const PARTITIONS = `
CREATE FUNCTION ensure_ledger_partitions(from_day date, days integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  one_day date;
  partition text;
  made integer := 0;
BEGIN
  FOR one_day IN SELECT from_day + n FROM generate_series(0, days - 1) AS n LOOP
    partition := 'ledger_entries_' || to_char(one_day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    PERFORM pg_advisory_xact_lock(hashtextextended('tollgate.ledger-partitions', 0));
    -- Asked of the table itself: to_regclass may still answer from a cache filled before the wait.
    CONTINUE WHEN EXISTS (
      SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'ledger_entries'::regclass AND c.relname = partition
    );
    EXECUTE format('CREATE TABLE %I (LIKE ledger_entries INCLUDING ALL)', partition);
    EXECUTE format('ALTER TABLE ledger_entries ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, one_day, one_day + 1);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
`;
