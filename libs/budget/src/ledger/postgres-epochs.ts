import { Injectable } from '@nestjs/common';
import { EpochStore } from '#libs/counters';
import { withTransaction } from '#libs/database';
import { DataSource } from 'typeorm';

const EPOCHS = { system: 'counter-epochs' };
/** A process that was not heard of for this long is not waited for. */
const LIVE = '10 seconds';
const FORGOTTEN = '1 hour';
const LOCK = `hashtextextended('tollgate.counter-epoch', 0)`;

/** Which epoch the shared counters are in, and who counts, in PostgreSQL. */
@Injectable()
export class PostgresEpochs extends EpochStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  override async read(): Promise<string> {
    const [row]: { value: unknown }[] = await this.dataSource.query(
      `SELECT value FROM app_state WHERE name = 'counters.epoch'`,
    );
    return String(row?.value ?? 0);
  }

  override async beat(incarnation: string): Promise<string> {
    const [row]: { ticket: string }[] = await this.dataSource.query(
      `WITH heard AS (
         INSERT INTO counter_members (incarnation) VALUES ($1) ON CONFLICT (incarnation) DO UPDATE SET heartbeat_at = now())
       INSERT INTO app_state (name, value) VALUES ('counters.ticket', to_jsonb(1::bigint))
       ON CONFLICT (name) DO UPDATE SET value = to_jsonb((app_state.value #>> '{}')::bigint + 1)
       RETURNING value #>> '{}' AS ticket`,
      [incarnation],
    );
    return row?.ticket ?? '0';
  }

  override async ready(incarnation: string, epoch: string): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO counter_members (incarnation, ready_epoch) VALUES ($1, $2)
       ON CONFLICT (incarnation) DO UPDATE SET heartbeat_at = now(), ready_epoch = $2`,
      [incarnation, epoch],
    );
  }

  override advance(epoch: string): Promise<boolean> {
    return withTransaction(this.dataSource, EPOCHS, async (manager) => {
      const [lock]: { taken: boolean }[] = await manager.query(
        `SELECT pg_try_advisory_xact_lock(${LOCK}) AS taken`,
      );
      if (lock?.taken !== true) return false;
      const rows: unknown[] = await manager.query(
        `WITH advanced AS (
           UPDATE app_state SET value = to_jsonb($1::bigint)
           WHERE name = 'counters.epoch' AND (value #>> '{}')::bigint < $1::bigint AND NOT EXISTS (
             SELECT 1 FROM counter_members WHERE heartbeat_at > now() - interval '${LIVE}' AND ready_epoch < $1::bigint)
           RETURNING 1 AS one)
         SELECT one FROM advanced`,
        [epoch],
      );
      if (rows.length === 0) return false;
      await manager.query(`DELETE FROM counter_members WHERE heartbeat_at < now() - interval '${FORGOTTEN}'`);
      return true;
    });
  }

  override async leave(incarnation: string): Promise<void> {
    await this.dataSource.query('DELETE FROM counter_members WHERE incarnation = $1', [incarnation]);
  }
}
