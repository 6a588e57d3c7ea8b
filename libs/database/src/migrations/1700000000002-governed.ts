import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys, users and teams get the limits and budgets that the first schema did not know. */
export class Governed1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['virtual_keys', 'users', 'teams'])
      await runner.query(`ALTER TABLE ${table} ${ADDED}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    const dropped = ADDED.replaceAll(/ADD COLUMN (\w+)[^,]*/g, 'DROP COLUMN $1');
    for (const table of ['virtual_keys', 'users', 'teams'])
      await runner.query(`ALTER TABLE ${table} ${dropped}`);
  }
}

const ADDED = `
  ADD COLUMN budget_windows jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN model_budgets jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN temp_budget_nano bigint CHECK (temp_budget_nano >= 0),
  ADD COLUMN temp_budget_ends_at timestamptz,
  ADD COLUMN budget_id text,
  ADD COLUMN input_tpm_limit bigint CHECK (input_tpm_limit >= 0),
  ADD COLUMN output_tpm_limit bigint CHECK (output_tpm_limit >= 0),
  ADD COLUMN model_rpm_limits jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN model_tpm_limits jsonb NOT NULL DEFAULT '{}'`;
