import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Config } from '#libs/config';
import { withTransaction } from '#libs/database';
import { Logger } from '#libs/telemetry';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditTrail, MAC_PURPOSE } from './audit-trail.js';
import { CHAIN_START, chainHash, CHAINS, type Checkpoint, CheckpointSigner, FOREIGN } from './chain.js';
import { CheckpointFile } from './checkpoint-file.js';
import { adoptEarlierRows } from './earlier-rows.js';
import { InstallationKey } from './installation-key.js';
import { type Chain, macOf, sameText } from './record.js';

const SEALER = { system: 'audit-sealer' };
const EVERY_MS = 500;
const AT_ONCE = 1_000;
/** A line in the log for each checkpoint would be most of the log. */
const LOG_EVERY_MS = 60_000;

interface Unsealed {
  readonly id: string;
  readonly chain: Chain;
  readonly record: string;
  readonly mac: string | null;
}

interface Head {
  readonly seq: bigint;
  readonly hash: string;
}

/**
 * Chains what was recorded, within a second, and signs how far it came. Apart from the writes, so that they do not queue for the
 * chain's end; one process at a time, whoever is there. Losing a database connection loses nothing: the rows are there.
 */
@Injectable()
export class AuditSealer implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #signer: CheckpointSigner;
  readonly #file: CheckpointFile;
  readonly #macKey: Buffer;
  readonly #macName: string;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #isAway = false;
  #warnedOf = new Set<Chain>();
  #loggedMs = new Map<Chain, number>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly trail: AuditTrail,
    private readonly logger: Logger,
    key: InstallationKey,
    config: Config,
  ) {
    this.#signer = new CheckpointSigner(key);
    this.#file = new CheckpointFile(config.server.dataDir);
    this.#macKey = key.derive(MAC_PURPOSE);
    this.#macName = key.nameOf(MAC_PURPOSE);
  }

  onApplicationBootstrap(): void {
    this.#later();
  }

  /** What was recorded until now is sealed before the process goes, if the store lets it. */
  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#sealQuietly();
  }

  /** Seals all there is. Returns how many rows; 0 also when another process is at it. */
  async seal(): Promise<number> {
    for (let sealed = 0; ;) {
      const waiting: unknown[] = await this.dataSource.query(
        'SELECT 1 FROM audit_events WHERE seq IS NULL LIMIT 1',
      );
      if (waiting.length === 0) return sealed;
      const batch = await withTransaction(this.dataSource, SEALER, (manager) => this.#sealBatch(manager));
      if (batch.count === 0) return sealed;
      // Only what is committed leaves the database.
      for (const checkpoint of batch.checkpoints) this.#publish(checkpoint);
      sealed += batch.count;
    }
  }

  #later(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#sealQuietly().finally(() => this.#later());
    }, EVERY_MS);
    this.#timer.unref();
  }

  async #sealQuietly(): Promise<void> {
    try {
      await this.seal();
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway) this.logger.warn({ error }, 'The audit trail could not be sealed; trying on.');
      this.#isAway = true;
    }
  }

  async #sealBatch(manager: EntityManager): Promise<{ count: number; checkpoints: readonly Checkpoint[] }> {
    const [lock]: { mine: boolean }[] = await manager.query(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('tollgate.audit-sealer', 0)) AS mine`,
    );
    if (lock?.mine !== true) return { count: 0, checkpoints: [] };
    const heads = new Map(
      await Promise.all(CHAINS.map(async (chain) => [chain, await headOf(manager, chain)] as const)),
    );
    await adoptEarlierRows(manager, this.trail, heads.get('changes')?.seq === 0n);
    const rows: Unsealed[] = await manager.query(
      `SELECT id, chain, record, mac FROM audit_events WHERE seq IS NULL ORDER BY at, id LIMIT ${AT_ONCE}`,
    );
    const sealed = rows.map((row) => this.#chain(row, heads));
    await manager.query(
      `UPDATE audit_events SET seq = t.seq, hash = t.hash, mac = t.mac
       FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS t(id, seq, hash, mac) WHERE audit_events.id = t.id`,
      [
        sealed.map(({ id }) => id),
        sealed.map(({ seq }) => seq.toString()),
        sealed.map(({ hash }) => hash),
        sealed.map(({ mac }) => mac),
      ],
    );
    const touched = CHAINS.filter((chain) => rows.some((row) => row.chain === chain));
    const checkpoints: Checkpoint[] = [];
    for (const chain of touched) {
      const head = heads.get(chain);
      if (head) checkpoints.push(await this.#checkpoint(manager, chain, head));
    }
    return { count: rows.length, checkpoints };
  }

  #chain(row: Unsealed, heads: Map<Chain, Head>): Head & { id: string; mac: string } {
    const { seq: lastSeq, hash: previous } = heads.get(row.chain) ?? { seq: 0n, hash: CHAIN_START };
    const seq = lastSeq + 1n;
    const mac = this.#judged(row);
    const head = { seq, hash: chainHash(previous, seq, row.record, mac) };
    heads.set(row.chain, head);
    return { id: row.id, mac, ...head };
  }

  /** A row that somebody put there is chained too, so that it cannot be taken away again, and marked for what it is. */
  #judged({ id, record, mac }: Unsealed): string {
    const isOtherKey = mac !== null && !mac.startsWith(`${this.#macName}:`) && mac !== FOREIGN;
    if (mac !== null && (isOtherKey || sameText(mac, macOf(this.#macKey, this.#macName, record)))) return mac;
    this.logger.error({ event: id }, 'The audit trail holds a row that Tollgate did not write.');
    return FOREIGN;
  }

  async #checkpoint(manager: EntityManager, chain: Chain, head: Head): Promise<Checkpoint> {
    const checkpoint = this.#signer.sign(chain, head.seq, head.hash, new Date());
    await manager.query(
      `INSERT INTO audit_checkpoints (chain, seq, hash, at, key_id, signature) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (chain, seq) DO NOTHING`,
      [chain, head.seq.toString(), head.hash, checkpoint.at, checkpoint.keyId, checkpoint.signature],
    );
    return checkpoint;
  }

  #publish(checkpoint: Checkpoint): void {
    const { chain, seq } = checkpoint;
    const before = this.#file.latest(chain);
    if (before && before.seq >= seq && !this.#warnedOf.has(chain)) {
      this.#warnedOf.add(chain);
      this.logger.error(
        { chain, sealed: seq, before: before.seq },
        'The audit trail is shorter than a checkpoint said: rows were removed, or an older backup is in use.',
      );
    }
    this.#file.append(checkpoint, this.#signer.publicKey);
    const nowMs = performance.now();
    if (nowMs - (this.#loggedMs.get(chain) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS && !this.#stopped)
      return;
    this.#loggedMs.set(chain, nowMs);
    const { hash, keyId, signature, at } = checkpoint;
    this.logger.info({ chain, seq, hash, at, signedBy: keyId, signature }, 'audit checkpoint');
  }
}

async function headOf(manager: EntityManager, chain: Chain): Promise<Head> {
  const [row]: { seq: string; hash: string }[] = await manager.query(
    'SELECT seq, hash FROM audit_events WHERE chain = $1 AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1',
    [chain],
  );
  return row ? { seq: BigInt(row.seq), hash: row.hash } : { seq: 0n, hash: CHAIN_START };
}
