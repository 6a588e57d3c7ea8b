import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Refusals of known callers, for whoever asks why; a partition for each day, so that a week's go as a whole. */
export class Decisions1700000000014 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE decisions (
  day date NOT NULL,
  id text NOT NULL,
  at timestamptz NOT NULL,
  code text NOT NULL,
  status integer NOT NULL,
  message text NOT NULL,
  route text NOT NULL,
  model text,
  request_id text,
  credential text,
  role text,
  key_id text,
  user_id text,
  team_id text,
  organization_id text,
  customer_id text,
  checks jsonb NOT NULL,
  PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
CREATE INDEX decisions_id_idx ON decisions (id);
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE decisions');
  }
}
