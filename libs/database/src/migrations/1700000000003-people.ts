import type { MigrationInterface, QueryRunner } from 'typeorm';
import { GOVERNED_COLUMNS } from './governed-columns.js';

/** Organizations, projects and invitations; members get limits and budgets, teams what they grant their members, users a password. */
export class People1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ORGANIZATIONS);
    await runner.query(TEAMS);
    await runner.query(USERS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(UNDO);
  }
}

const ORGANIZATIONS = `
CREATE TABLE organizations (
  id text PRIMARY KEY,
  alias text,
  models text[] NOT NULL DEFAULT '{}',
  metadata jsonb NOT NULL DEFAULT '{}',
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  ${GOVERNED_COLUMNS}
);

CREATE TABLE organization_members (
  organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role text NOT NULL DEFAULT 'internal_user' CHECK (role IN ('org_admin', 'internal_user', 'internal_user_viewer')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  ${GOVERNED_COLUMNS},
  PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX organization_members_user_id_idx ON organization_members (user_id);

CREATE TABLE projects (
  id text PRIMARY KEY,
  alias text,
  description text,
  team_id text NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  models text[] NOT NULL DEFAULT '{}',
  tags text[] NOT NULL DEFAULT '{}',
  metadata jsonb NOT NULL DEFAULT '{}',
  blocked boolean NOT NULL DEFAULT false,
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  ${GOVERNED_COLUMNS}
);
CREATE INDEX projects_team_id_idx ON projects (team_id);

CREATE INDEX virtual_keys_organization_id_idx ON virtual_keys (organization_id) WHERE organization_id IS NOT NULL;
CREATE INDEX virtual_keys_project_id_idx ON virtual_keys (project_id) WHERE project_id IS NOT NULL;
`;

const MEMBER_COLUMNS = GOVERNED_COLUMNS.replaceAll(/^ {2}(?=\w)/gm, '  ADD COLUMN ');

const TEAMS = `
ALTER TABLE team_members
  ADD COLUMN allowed_models text[] NOT NULL DEFAULT '{}',
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
  ${MEMBER_COLUMNS};

ALTER TABLE teams
  ADD COLUMN member_permissions text[],
  ADD COLUMN member_max_budget_nano bigint CHECK (member_max_budget_nano >= 0),
  ADD COLUMN member_budget_duration text,
  ADD COLUMN member_rpm_limit integer CHECK (member_rpm_limit >= 0),
  ADD COLUMN member_tpm_limit bigint CHECK (member_tpm_limit >= 0),
  ADD COLUMN member_key_duration text,
  ADD COLUMN member_models text[] NOT NULL DEFAULT '{}';
CREATE INDEX teams_alias_idx ON teams (alias, id);
CREATE INDEX teams_created_at_idx ON teams (created_at, id);

CREATE TABLE archived_teams (
  archive_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL,
  organization_id text,
  "row" jsonb NOT NULL,
  deleted_at timestamptz NOT NULL DEFAULT now(),
  deleted_by text
);
CREATE INDEX archived_teams_id_idx ON archived_teams (id);
CREATE INDEX archived_teams_organization_id_idx ON archived_teams (organization_id) WHERE organization_id IS NOT NULL;
`;

const USERS = `
ALTER TABLE users
  ADD COLUMN organization_id text,
  ADD COLUMN password_hash text,
  ADD COLUMN password_reset_required boolean NOT NULL DEFAULT false;
CREATE INDEX users_organization_id_idx ON users (organization_id) WHERE organization_id IS NOT NULL;
CREATE INDEX users_created_at_idx ON users (created_at, id);
CREATE INDEX users_email_order_idx ON users (email, id);
CREATE INDEX users_alias_order_idx ON users (alias, id);

CREATE TABLE invitations (
  id text PRIMARY KEY,
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  accepted_at timestamptz,
  expires_at timestamptz NOT NULL,
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX invitations_user_id_idx ON invitations (user_id);

-- Whoever adds somebody to a team has to find out whether there is an account of that name, also one that row-level security
-- hides from him. It says whose it is and nothing else of it.
CREATE FUNCTION person_named(of_id text, of_email text) RETURNS TABLE (id text, "organizationId" text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT u.id, u.organization_id FROM users u WHERE u.id = of_id OR (of_id IS NULL AND lower(u.email) = lower(of_email))
$$;
`;

const UNDO = `
DROP FUNCTION person_named;
DROP TABLE invitations, archived_teams, projects, organization_members, organizations;
DROP INDEX virtual_keys_organization_id_idx, virtual_keys_project_id_idx, teams_alias_idx, teams_created_at_idx, users_created_at_idx, users_email_order_idx, users_alias_order_idx;
ALTER TABLE users DROP COLUMN organization_id, DROP COLUMN password_hash, DROP COLUMN password_reset_required;
ALTER TABLE teams
  DROP COLUMN member_permissions, DROP COLUMN member_max_budget_nano, DROP COLUMN member_budget_duration, DROP COLUMN member_rpm_limit,
  DROP COLUMN member_tpm_limit, DROP COLUMN member_key_duration, DROP COLUMN member_models;
ALTER TABLE team_members DROP COLUMN allowed_models, DROP COLUMN updated_at,
  ${GOVERNED_COLUMNS.replaceAll(/^ +(\w+) .*?(,?)$/gm, '  DROP COLUMN $1$2')};
`;
