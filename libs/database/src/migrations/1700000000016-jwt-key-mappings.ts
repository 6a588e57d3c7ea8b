import type { MigrationInterface, QueryRunner } from 'typeorm';
import { RAISE_TENANCY_WALL } from './tenancy-policies.js';

/** Claims of signed tokens that stand for virtual keys. The functions of the wall are made anew, so that it covers the table. */
export class JwtKeyMappings1700000000016 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE jwt_key_mappings (
  id text PRIMARY KEY,
  jwt_issuer text NOT NULL DEFAULT '',
  jwt_claim_name text NOT NULL,
  jwt_claim_value text NOT NULL,
  key_id text NOT NULL,
  description text,
  is_active boolean NOT NULL DEFAULT true,
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX jwt_key_mappings_claim_key ON jwt_key_mappings (jwt_claim_name, jwt_claim_value, jwt_issuer);
CREATE INDEX jwt_key_mappings_key_id_idx ON jwt_key_mappings (key_id);
CREATE INDEX jwt_key_mappings_listed_idx ON jwt_key_mappings (created_at DESC, id DESC);
`);
    await runner.query(RAISE_TENANCY_WALL);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE jwt_key_mappings');
  }
}
