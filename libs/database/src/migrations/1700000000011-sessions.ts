import type { MigrationInterface, QueryRunner } from 'typeorm';
import { RAISE_TENANCY_WALL } from './tenancy-policies.js';

/** People who sign in: their sessions, command lines that wait for a browser, and what lock-outs count. */
export class Sessions1700000000011 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
    await runner.query(END_SESSIONS);
    await runner.query(RAISE_TENANCY_WALL);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
DROP TRIGGER users_end_sessions ON users;
DROP FUNCTION end_sessions_of_user;
DROP TABLE sessions, cli_sign_ins, sign_in_attempts;
ALTER TABLE invitations DROP COLUMN claim_hash, DROP COLUMN claim_ends_at;
`);
  }
}

const TABLES = `
CREATE TABLE sessions (
  id text PRIMARY KEY,
  token_hash text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('browser', 'cli')),
  user_id text NOT NULL,
  team_id text,
  method text NOT NULL,
  proof text,
  must_change_password boolean NOT NULL DEFAULT false,
  provenance jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  idle_ends_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX sessions_token_hash_key ON sessions (token_hash);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE cli_sign_ins (
  id text PRIMARY KEY,
  poll_hash text NOT NULL,
  code_hash text NOT NULL,
  wrong_codes integer NOT NULL DEFAULT 0,
  session_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX cli_sign_ins_expires_at_idx ON cli_sign_ins (expires_at);

CREATE TABLE sign_in_attempts (
  bucket text PRIMARY KEY,
  attempts integer NOT NULL,
  window_ends_at timestamptz NOT NULL,
  blocked_until timestamptz
);

ALTER TABLE invitations ADD COLUMN claim_hash text, ADD COLUMN claim_ends_at timestamptz;
`;

/**
 * In the database and not in code, because accounts are changed from many places, and whichever forgot would leave a door open.
 * With its owner's rights: who may change an account does not see its sessions. The event that every change of a user publishes
 * makes each replica ask again, and find no session.
 */
const END_SESSIONS = `
CREATE FUNCTION end_sessions_of_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.role = OLD.role
     AND NOT (NEW.blocked AND NOT OLD.blocked)
     AND NOT ((NEW.metadata -> 'scim_active') IS NOT DISTINCT FROM 'false'::jsonb
              AND (OLD.metadata -> 'scim_active') IS DISTINCT FROM 'false'::jsonb)
     AND NEW.password_reset_required = OLD.password_reset_required
     AND NEW.password_hash IS NOT DISTINCT FROM OLD.password_hash THEN
    RETURN NULL;
  END IF;
  DELETE FROM sessions WHERE user_id = OLD.id;
  RETURN NULL;
END
$$;
CREATE TRIGGER users_end_sessions AFTER UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION end_sessions_of_user();
`;
