import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who counts together, and in which epoch the shared counters are (`app_state`, `counters.epoch`). */
export class SharedCounters1700000000009 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE counter_members (
  incarnation text PRIMARY KEY,
  heartbeat_at timestamptz NOT NULL DEFAULT now(),
  ready_epoch bigint NOT NULL DEFAULT 0
);
INSERT INTO app_state (name, value) VALUES ('counters.epoch', '0') ON CONFLICT (name) DO NOTHING;
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE counter_members; DELETE FROM app_state WHERE name = 'counters.epoch';`);
  }
}
