import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People and groups as an identity provider keeps them, beside the users and teams they are; and whether it lets them in. */
export class Scim1700000000013 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE scim_groups, scim_users');
    await runner.query('ALTER TABLE users DROP COLUMN scim_active');
    await runner.query('ALTER TABLE teams DROP COLUMN scim_active');
  }
}

const TABLES = `
ALTER TABLE users ADD COLUMN scim_active boolean NOT NULL DEFAULT true;
ALTER TABLE teams ADD COLUMN scim_active boolean NOT NULL DEFAULT true;

CREATE TABLE scim_users (
  user_id text PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  user_name text NOT NULL,
  external_id text,
  attributes jsonb NOT NULL DEFAULT '{}',
  deleted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX scim_users_user_name_key ON scim_users (lower(user_name)) WHERE deleted_at IS NULL;
CREATE INDEX scim_users_deleted_idx ON scim_users (lower(user_name)) WHERE deleted_at IS NOT NULL;
CREATE INDEX scim_users_external_id_idx ON scim_users (external_id);

CREATE TABLE scim_groups (
  team_id text PRIMARY KEY REFERENCES teams (id) ON DELETE CASCADE,
  external_id text,
  deleted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX scim_groups_external_id_idx ON scim_groups (external_id);
`;
