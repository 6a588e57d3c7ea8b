import type { MigrationInterface, QueryRunner } from 'typeorm';
import { RAISE_TENANCY_WALL } from './tenancy-policies.js';

/** Roles of the operator's own that are made by API. The functions of the wall are made anew, so that it covers the table. */
export class CustomRoles1700000000019 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE custom_roles (
  name text PRIMARY KEY,
  base text NOT NULL CHECK (base IN ('internal_user', 'internal_user_viewer', 'proxy_admin_viewer')),
  routes text[] NOT NULL DEFAULT '{}',
  models text[] NOT NULL DEFAULT '{}',
  description text,
  deleted_at timestamptz,
  created_by text,
  updated_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
`);
    await runner.query(RAISE_TENANCY_WALL);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE custom_roles');
  }
}
