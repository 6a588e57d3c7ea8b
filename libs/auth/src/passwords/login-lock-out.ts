import { Injectable } from '@nestjs/common';
import { AddressRanges, Config, sourceOf } from '#libs/config';
import { Clock, GatewayError } from '#libs/kernel';
import { AttemptWindows, bucketOf } from './attempt-windows.js';

/** An attempt that counts until `succeeded` takes it back. */
export interface LoginAttempt {
  succeeded(): Promise<void>;
  /** Blocks what has failed too often now. */
  failed(): Promise<void>;
}

interface Bucket {
  readonly id: string;
  readonly most: number;
}

const NOT_COUNTED: LoginAttempt = { succeeded: async () => undefined, failed: async () => undefined };
/** One row at a time, so that nobody holds one while waiting for another. */
const GIVE_BACK = `UPDATE sign_in_attempts SET attempts = greatest(attempts - 1, 0) WHERE bucket = $1`;
const BLOCK = `
UPDATE sign_in_attempts SET blocked_until = $2 WHERE bucket = $1 AND attempts > $3 AND blocked_until IS NULL`;
/**
 * Who fails too often to sign in is not asked any more for a while, not even for the right password (contract/auth 5.7): one source
 * altogether, and one source for one name at half of that. Addresses and names are kept as digests.
 */
@Injectable()
export class LoginLockOut {
  readonly #overrides: readonly { readonly range: AddressRanges; readonly most: number }[];

  constructor(
    private readonly config: Config,
    private readonly attempts: AttemptWindows,
    private readonly clock: Clock,
  ) {
    const { lockOut } = config.signIn.browser;
    this.#overrides = Object.entries(lockOut?.overrides ?? {}).map(([range, most]) => ({
      range: new AddressRanges([range]),
      most,
    }));
  }

  /** Throws 429 with `retry-after` while the source, or the source for this name, is blocked; 503 when nobody can tell. */
  async begin(source: string, username: string): Promise<LoginAttempt> {
    const { lockOut } = this.config.signIn.browser;
    const perSource = this.#mostOf(source);
    if (lockOut === undefined || perSource === 0) return NOT_COUNTED;
    const from = sourceOf(source);
    const buckets: readonly Bucket[] = [
      { id: bucketOf('source', from), most: perSource },
      {
        id: bucketOf('pair', from, username.normalize('NFKC').trim().toLowerCase()),
        most: Math.max(1, Math.floor(perSource / 2)),
      },
    ];
    const ids = buckets.map(({ id }) => id);
    const taken = await this.attempts.take(ids, lockOut.windowMs);
    const until = taken.flatMap(({ blockedUntilMs }) => blockedUntilMs ?? []);
    if (until.length > 0) {
      // What is not asked has not failed: waiting out a block must not lengthen another.
      await this.#giveBack(ids);
      throw this.#refused(Math.max(...until));
    }
    // One more than may fail: the one that makes it too many. What comes at the same moment is not asked.
    const tooMany = buckets.some(
      ({ id, most }) => (taken.find(({ bucket }) => bucket === id)?.attempts ?? 0) > most + 1,
    );
    if (tooMany) {
      await this.#block(buckets, lockOut.blockMs);
      await this.#giveBack(ids);
      throw this.#refused(this.clock.nowMs() + lockOut.blockMs);
    }
    return {
      succeeded: () => this.#giveBack(ids),
      failed: () => this.#block(buckets, lockOut.blockMs),
    };
  }

  async #giveBack(buckets: readonly string[]): Promise<void> {
    for (const bucket of buckets) await this.attempts.ask(GIVE_BACK, [bucket]);
  }

  #mostOf(source: string): number {
    const { lockOut } = this.config.signIn.browser;
    return this.#overrides.find(({ range }) => range.hold(source))?.most ?? lockOut?.perSource ?? 0;
  }

  async #block(buckets: readonly Bucket[], blockMs: number): Promise<void> {
    const until = new Date(this.clock.nowMs() + blockMs);
    for (const { id, most } of buckets) await this.attempts.ask(BLOCK, [id, until, most]);
  }

  #refused(untilMs: number): GatewayError {
    const seconds = Math.max(1, Math.ceil((untilMs - this.clock.nowMs()) / 1_000));
    return new GatewayError(
      'auth.too_many_attempts',
      `Too many failed sign-ins. Try again in ${seconds} seconds.`,
      { param: 'None', headers: { 'retry-after': String(seconds) } },
    );
  }
}
