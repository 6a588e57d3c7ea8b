import { Injectable } from '@nestjs/common';
import { KeyGrace, SecretColumns, VirtualKey } from '#libs/database';
import { Clock, GatewayError } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { DataSource, type EntityManager, LessThanOrEqual } from 'typeorm';
import { makerOf } from './authority.js';
import { SCHEDULE } from './authors.js';
import { after, parseDuration } from './duration.js';
import { assignGroups, leaveGroupsBehind } from './group-assignments.js';
import { archiveKeys } from './key-archive.js';
import { KeyJudge } from './key-judge.js';
import { lockKeys, writeKey } from './key-rows.js';
import { hashRawKey, maskRawKey } from './key-secret.js';
import { columnsOf, expiryOf, type KeyChange } from './key-settings.js';
import { orRefuseDuplicates } from './key-refusals.js';
import { type IssuedKey, type KeySecret, rawOf } from './keys.js';
import { type Author, type Transaction, Transactions } from './transactions.js';

/** Where nobody said how long a former secret of a scheduled rotation still works: a day, or half the interval when that is shorter. */
const USUAL_GRACE = { amount: 1, unit: 'd' } as const;

/** What one run of the schedule did; what failed is tried again by the next. */
export interface DueRotations {
  readonly rotated: number;
  readonly failed: number;
}

/** What takes the place of a key's secret. */
interface Replacement {
  readonly raw: string;
  /** Settings that change with it. */
  readonly columns?: Partial<VirtualKey>;
  /** Until when the former secret works; null: it is dead, with those of earlier graces. */
  readonly graceUntil: Date | null;
  /** The new secret, sealed, for whoever comes with the former one. */
  readonly successor?: string | null;
}

/**
 * Gives keys new secrets. The id never changes, so spend, budgets, limits and settings stay; the former secret is dead at
 * once, or works until its grace ends.
 */
@Injectable()
export class KeyRotation {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly judge: KeyJudge,
    private readonly secrets: SecretColumns,
    private readonly logger: Logger,
  ) {}

  /**
   * Without a grace every former secret is dead when this commits, also those of earlier graces. Every setting that
   * `settings` does not name stays. Asked twice at once with the old secret, one wins and the other finds no such key.
   */
  async regenerate(
    author: Author,
    hash: string,
    settings: KeyChange,
    secret: KeySecret,
    grace: string | null,
  ): Promise<IssuedKey> {
    return orRefuseDuplicates(settings, () =>
      this.transactions.run(author, async (transaction) => {
        const { manager } = transaction;
        const now = new Date(this.clock.nowMs());
        const [found] = await lockKeys(manager, { hashes: [hash] }, now, { currentOnly: true });
        const { before, columns } = await this.judge.change(manager, author.principal, found, {
          columns: found === undefined ? {} : columnsOf(settings, found, now.getTime()),
          givesSecret: true,
          action: 'regenerate',
        });
        const raw = rawOf(secret);
        const graceUntil = expiryOf(grace, now.getTime());
        const key = await this.#replace(transaction, author, before, { columns, raw, graceUntil });
        await leaveGroupsBehind(transaction, author, before, key);
        const holder = { type: 'key', id: key.id, teamId: key.teamId } as const;
        await assignGroups(transaction, author, holder, settings.accessGroupIds);
        return { key, raw };
      }),
    );
  }

  /** Rotates every key whose time has come. Any number of workers may do it at once: each key is rotated by one of them, once. */
  async rotateDue(secretBytes: number, grace: string | null): Promise<DueRotations> {
    await this.#forgetEnded();
    let rotated = 0;
    const failed: string[] = [];
    for (;;) {
      let current: string | undefined;
      try {
        current = await this.transactions.run(SCHEDULE, async (transaction) => {
          const due = await this.#lockDue(transaction.manager, failed);
          if (due === undefined) return undefined;
          current = due.id;
          await this.#rotateBySchedule(transaction, due, secretBytes, grace);
          return due.id;
        });
        if (current === undefined) return { rotated, failed: failed.length };
        rotated += 1;
      } catch (error) {
        // One key that cannot be rotated must not keep the others from it.
        if (current === undefined || failed.length >= MOST_FAILURES) throw error;
        failed.push(current);
        this.logger.error({ error, keyId: current }, 'A key could not be rotated; the next run tries again.');
      }
    }
  }

  /**
   * The secret that took the place of the one the caller came with: for programs whose key rotates by itself. Throws 404 when
   * the caller's secret is the current one, or was replaced by hand: whoever did that has the new one.
   */
  async successor(author: Author): Promise<IssuedKey> {
    const own = author.principal.key;
    if (own === undefined) throw noSuccessor();
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const grace = await manager.findOneBy(KeyGrace, { tokenHash: own.hash });
      const successor = grace?.successor ?? null;
      if (grace === null || successor === null || grace.validUntil.getTime() <= this.clock.nowMs())
        throw noSuccessor();
      const key = await manager.findOneBy(VirtualKey, { id: grace.keyId });
      const raw = await this.secrets.open(manager, 'keySuccessor', grace.tokenHash, successor);
      // Replaced once more since: what is sealed here opens nothing.
      if (key === null || key.tokenHash !== hashRawKey(raw)) throw noSuccessor();
      await transaction.note('read', 'key', key.id, { before: null, after: { maskedName: key.maskedName } });
      return { key, raw };
    });
  }

  async #rotateBySchedule(
    transaction: Transaction,
    due: VirtualKey,
    secretBytes: number,
    grace: string | null,
  ): Promise<void> {
    const nowMs = this.clock.nowMs();
    const raw = rawOf({ randomBytes: secretBytes });
    const graceUntil = expiryOf(grace, nowMs) ?? usualGrace(due, nowMs);
    const successor = await this.secrets.seal(transaction.manager, 'keySuccessor', due.tokenHash, raw);
    await this.#replace(transaction, SCHEDULE, due, { raw, graceUntil, successor });
  }

  async #replace(
    transaction: Transaction,
    author: Author,
    before: VirtualKey,
    { columns = {}, raw, graceUntil, successor = null }: Replacement,
  ): Promise<VirtualKey> {
    const { manager } = transaction;
    const now = new Date(this.clock.nowMs());
    const maker = makerOf(author.principal);
    await archiveKeys(manager, [before.id], 'rotated', maker);
    const { id: keyId, tokenHash, maskedName } = before;
    const former = await manager.findBy(KeyGrace, { keyId });
    if (graceUntil === null) await manager.delete(KeyGrace, { keyId });
    else await manager.insert(KeyGrace, { tokenHash, keyId, maskedName, validUntil: graceUntil, successor });
    const settings = { ...before, ...columns };
    const key = await writeKey(manager, before.id, {
      ...columns,
      tokenHash: hashRawKey(raw),
      maskedName: maskRawKey(raw),
      rotationCount: before.rotationCount + 1,
      lastRotationAt: now,
      rotationAt: settings.autoRotate ? expiryOf(settings.rotationInterval, now.getTime()) : null,
      updatedBy: maker,
      updatedAt: now,
      settingsUpdatedAt: now,
    });
    await transaction.record('rotated', 'key', key.id, {
      before,
      after: key,
      hashes: [before.tokenHash, key.tokenHash, ...former.map(({ tokenHash }) => tokenHash)],
    });
    return key;
  }

  async #lockDue(manager: EntityManager, failed: readonly string[]): Promise<VirtualKey | undefined> {
    const now = new Date(this.clock.nowMs());
    const due = await manager
      .createQueryBuilder(VirtualKey, 'key')
      .where('key.autoRotate AND (key.rotationAt IS NULL OR key.rotationAt <= :now) AND NOT key.blocked')
      .andWhere('(key.expiresAt IS NULL OR key.expiresAt > :now) AND key.id <> ALL(:failed)')
      .setParameters({ now, failed })
      .orderBy('key.rotationAt', 'ASC')
      .limit(1)
      .setLock('pessimistic_write')
      .setOnLocked('skip_locked')
      .getOne();
    return due ?? undefined;
  }

  /** What a grace allowed is over anyway; its row would only be a secret kept without need. */
  async #forgetEnded(): Promise<void> {
    await this.database
      .getRepository(KeyGrace)
      .delete({ validUntil: LessThanOrEqual(new Date(this.clock.nowMs())) });
  }
}

/** More than this in one run is no key's fault. */
const MOST_FAILURES = 20;

function usualGrace({ rotationInterval }: VirtualKey, nowMs: number): Date {
  const interval = rotationInterval === null ? undefined : parseDuration(rotationInterval);
  const day = after(nowMs, USUAL_GRACE);
  const half = interval === undefined ? day : nowMs + (after(nowMs, interval) - nowMs) / 2;
  return new Date(Math.min(day, half));
}

function noSuccessor(): GatewayError {
  return new GatewayError('request.not_found', 'No other secret has taken the place of this one.', {
    param: 'key',
  });
}
