import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Models, credentials, access groups and settings that change at run time, and the keys that seal their secrets. */
export class Models1700000000005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE config_settings, access_group_models, access_groups, credentials, proxy_models, encryption_keys',
    );
  }
}

const TABLES = `
CREATE TABLE encryption_keys (
  id text PRIMARY KEY,
  wrapped_by text NOT NULL,
  wrapped text NOT NULL,
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX encryption_keys_active_key ON encryption_keys (active) WHERE active;

CREATE TABLE proxy_models (
  id text PRIMARY KEY,
  model_name text NOT NULL,
  params jsonb NOT NULL,
  secrets text,
  info jsonb NOT NULL DEFAULT '{}',
  team_id text,
  trusted boolean NOT NULL DEFAULT true,
  blocked boolean NOT NULL DEFAULT false,
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX proxy_models_model_name_idx ON proxy_models (model_name);
CREATE INDEX proxy_models_team_id_idx ON proxy_models (team_id) WHERE team_id IS NOT NULL;

CREATE TABLE credentials (
  id text PRIMARY KEY,
  name text NOT NULL,
  display_name text,
  secrets text NOT NULL,
  info jsonb NOT NULL DEFAULT '{}',
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX credentials_name_key ON credentials (name);

CREATE TABLE access_groups (
  id text PRIMARY KEY,
  name text NOT NULL,
  description text,
  models text[] NOT NULL DEFAULT '{}',
  mcp_server_ids text[] NOT NULL DEFAULT '{}',
  agent_ids text[] NOT NULL DEFAULT '{}',
  team_ids text[] NOT NULL DEFAULT '{}',
  key_ids text[] NOT NULL DEFAULT '{}',
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX access_groups_name_key ON access_groups (name);

CREATE TABLE access_group_models (
  access_group text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('name', 'id')),
  model text NOT NULL,
  PRIMARY KEY (access_group, kind, model)
);

CREATE TABLE config_settings (
  section text NOT NULL,
  field text NOT NULL,
  value jsonb,
  secret text,
  updated_by text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (section, field)
);
`;
