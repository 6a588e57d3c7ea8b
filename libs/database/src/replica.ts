import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { ChangeMark } from './change.js';

/** One serving process, as it is known to those who take rights away. */
export interface Replica {
  /** Never used before: a restart is another replica. */
  readonly incarnation: string;
  readonly role: string;
  readonly host: string;
}

/** How a change that takes rights away came to all who serve. */
export interface RevocationReceipt {
  /** All that serve, or did a minute ago; this process is one. */
  readonly replicas: number;
  /** Of these, the ones that have dropped what the change named. */
  readonly acknowledged: number;
  /** Of these, the ones whose lease ended first: they refuse everybody until they are in step again. */
  readonly fenced: number;
  readonly tookMs: number;
  /** False: the store went away while the others were asked; each hears of the change, or is fenced, within the lease's time. */
  readonly isCertain: boolean;
}

/** A replica that has not said for this long that it follows is fenced. */
export const LEASE_MS = 5_000;
/** It counts its own time from before it asked, and a little less: it must be the first to know. */
const MARGIN_MS = 250;
const MOST_WAIT_MS = 9_000;
const FIRST_PAUSE_MS = 2;
const MOST_PAUSE_MS = 50;

/** A new row, or a new term. What was applied is said in the same breath as that the replica lives. */
const RENEW = `
  INSERT INTO proxy_instances (incarnation, role, host, pid, heartbeat_at, lease_until, applied_below, applied_seqs)
  VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp() + $5 * interval '1 ms', $6, $7)
  ON CONFLICT (incarnation) DO UPDATE SET heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until,
    applied_below = excluded.applied_below, applied_seqs = excluded.applied_seqs`;

/** Those without a lease for longer than anything is served unseen (60 s) concern nobody. */
const OTHERS = `
  SELECT applied_below > $3 OR $2 = ANY (applied_seqs) AS acknowledged, lease_until > clock_timestamp() AS serves
  FROM proxy_instances WHERE incarnation <> $1 AND lease_until > clock_timestamp() - interval '60 s'`;

/** The lease of this process: renewed over the connection that changes arrive on, so that who cannot hear cannot serve. */
export class ReplicaLease {
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly replica: Replica) {}

  get incarnation(): string {
    return this.replica.incarnation;
  }

  /** On the clock of `performance.now()`. */
  get untilMs(): number {
    return this.#untilMs;
  }

  async renew(client: pg.Client, appliedBelow: bigint, appliedSeqs: readonly bigint[]): Promise<void> {
    const { incarnation, role, host } = this.replica;
    const askedMs = performance.now();
    await client.query(RENEW, [
      incarnation,
      role,
      host,
      process.pid,
      LEASE_MS,
      appliedBelow.toString(),
      appliedSeqs.map(String),
    ]);
    this.#untilMs = askedMs + LEASE_MS - MARGIN_MS;
  }

  /** Nobody needs to wait for a process that has gone. */
  async giveUp(client: pg.Client): Promise<void> {
    this.#untilMs = Number.NEGATIVE_INFINITY;
    await client.query('DELETE FROM proxy_instances WHERE incarnation = $1', [this.replica.incarnation]);
  }
}

/** Waits until every other replica has applied the change or serves nobody any more. Never throws; at most some nine seconds. */
export async function waitForOthers(
  database: { query(text: string, values: unknown[]): Promise<unknown> },
  ownIncarnation: string | undefined,
  mark: ChangeMark,
): Promise<RevocationReceipt> {
  const startedMs = performance.now();
  const self = ownIncarnation === undefined ? 0 : 1;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MOST_PAUSE_MS)) {
    const values = [ownIncarnation ?? '', mark.seq.toString(), mark.xid.toString()];
    const others = (await database.query(OTHERS, values).catch(() => undefined)) as
      { acknowledged: boolean; serves: boolean }[] | undefined;
    const tookMs = performance.now() - startedMs;
    if (others === undefined)
      return { replicas: self, acknowledged: self, fenced: 0, tookMs, isCertain: false };
    const isOver = tookMs >= MOST_WAIT_MS;
    if (isOver || others.every(({ acknowledged, serves }) => acknowledged || !serves)) {
      const acknowledged = others.filter((other) => other.acknowledged).length;
      const fenced = others.filter((other) => !other.acknowledged && !other.serves).length;
      return {
        replicas: others.length + self,
        acknowledged: acknowledged + self,
        fenced,
        tookMs,
        isCertain: acknowledged + fenced === others.length,
      };
    }
    await delay(pauseMs);
  }
}
