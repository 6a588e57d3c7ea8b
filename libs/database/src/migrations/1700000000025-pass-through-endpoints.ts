import type { MigrationInterface, QueryRunner } from 'typeorm';
import { RAISE_TENANCY_WALL } from './tenancy-policies.js';

/** Pass-through endpoints that are made by API. The functions of the wall are made anew, so that it covers the table. */
export class PassThroughEndpoints1700000000025 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE pass_through_endpoints (
  id text PRIMARY KEY,
  path text NOT NULL,
  settings jsonb NOT NULL DEFAULT '{}',
  secrets text NOT NULL,
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX pass_through_endpoints_path_key ON pass_through_endpoints (path);
`);
    await runner.query(RAISE_TENANCY_WALL);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE pass_through_endpoints');
  }
}
