import type { MigrationInterface, QueryRunner } from 'typeorm';
import { RAISE_TENANCY_WALL } from './tenancy-policies.js';

/** People and groups as an identity provider keeps them, beside the users and teams they are; and whether it lets them in. */
export class Scim1700000000013 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
    await runner.query(END_SESSIONS);
    await runner.query(RAISE_TENANCY_WALL);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER users_end_sessions_deactivated ON users');
    await runner.query('DROP FUNCTION end_sessions_of_deactivated');
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

/** As `users_end_sessions`: in the database, so that no way of changing an account can forget it. */
const END_SESSIONS = `
CREATE FUNCTION end_sessions_of_deactivated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM sessions WHERE user_id = NEW.id;
  RETURN NULL;
END
$$;
CREATE TRIGGER users_end_sessions_deactivated AFTER UPDATE OF scim_active ON users FOR EACH ROW
  WHEN (OLD.scim_active AND NOT NEW.scim_active) EXECUTE FUNCTION end_sessions_of_deactivated();
`;
