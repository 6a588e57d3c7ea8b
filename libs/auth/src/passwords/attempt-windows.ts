import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/kernel';
import { DataSource } from 'typeorm';
import { unavailable } from '../key-lookups.js';

export interface Taken {
  readonly bucket: string;
  /** In this window, with the one just taken. */
  readonly attempts: number;
  readonly blockedUntilMs: number | undefined;
}

/**
 * Counts before it is asked whether the password is right, so that a hundred attempts at once are a hundred attempts. Answers how many
 * there are in the window, or until when the bucket is blocked. One statement: replicas count together.
 */
const TAKE = `
INSERT INTO sign_in_attempts AS a (bucket, attempts, window_ends_at)
  SELECT bucket, 1, $2::timestamptz + $3 * interval '1 millisecond' FROM unnest($1::text[]) AS bucket ORDER BY bucket
ON CONFLICT (bucket) DO UPDATE SET
  attempts = CASE WHEN a.window_ends_at <= $2 OR a.blocked_until <= $2 THEN 1 ELSE a.attempts + 1 END,
  window_ends_at = CASE WHEN a.window_ends_at <= $2 OR a.blocked_until <= $2 THEN excluded.window_ends_at ELSE a.window_ends_at END,
  blocked_until = CASE WHEN a.blocked_until <= $2 THEN NULL ELSE a.blocked_until END
RETURNING bucket, attempts, blocked_until`;
const FORGET = `DELETE FROM sign_in_attempts WHERE window_ends_at < $1 AND (blocked_until IS NULL OR blocked_until < $1)`;
const FORGET_EVERY_MS = 60_000;

/** Counts what strangers may try, for all replicas together. */
@Injectable()
export class AttemptWindows {
  #forgottenMs = 0;

  constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  /** One more attempt in each bucket. Throws 503 when it cannot be counted: what is not counted is not allowed. */
  async take(buckets: readonly string[], windowMs: number): Promise<readonly Taken[]> {
    const now = new Date(this.clock.nowMs());
    const rows = await this.ask<{ bucket: string; attempts: number; blocked_until: Date | null }>(TAKE, [
      buckets,
      now,
      windowMs,
    ]);
    this.#forget(now);
    return rows.map(({ bucket, attempts, blocked_until: until }) => ({
      bucket,
      attempts,
      blockedUntilMs: until?.getTime(),
    }));
  }

  async ask<Row>(statement: string, parameters: unknown[]): Promise<Row[]> {
    try {
      return await this.database.query(statement, parameters);
    } catch (thrown) {
      throw unavailable('attempts to sign in cannot be counted', thrown);
    }
  }

  /** Rows of windows that are over. Now and then, and nobody waits for it. */
  #forget(now: Date): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#forgottenMs < FORGET_EVERY_MS) return;
    this.#forgottenMs = nowMs;
    this.database.query(FORGET, [now]).catch(() => (this.#forgottenMs = 0));
  }
}

/** What attempts are counted under: a digest, so that nobody reads addresses and names out of the table. */
export function bucketOf(...parts: string[]): string {
  return hash('sha256', JSON.stringify(parts));
}
