import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sign-ins that wait for their browser to come back from an identity provider. */
export class SignInFlows1700000000012 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE sign_in_flows (
  id text PRIMARY KEY,
  salt text NOT NULL,
  data jsonb NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_flows_expires_idx ON sign_in_flows (expires_at);
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE sign_in_flows');
  }
}
