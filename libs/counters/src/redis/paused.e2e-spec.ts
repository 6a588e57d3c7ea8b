import { describe, expect, it, vi } from 'vitest';
import type { TcpRelay } from '../../../../test/harness/tcp-relay.js';
import { money, used } from '../claims.harness.js';
import type { RedisCounters } from './redis-counters.js';
import { SharedRedis } from '../../../../test/harness/shared-redis.js';

const WITHIN = { timeout: 6_000 };
const redis = SharedRedis.forThisFile({ leaseMs: 1_000, timeoutMs: 500 });

/** A process that can be frozen: nothing it says arrives, nothing it has spent is stored. */
class Freezable {
  private constructor(
    readonly undrained: Map<string, bigint>,
    private readonly stored: Map<string, bigint>,
    readonly counters: RedisCounters,
    readonly relay: TcpRelay,
  ) {}

  static async start(stored: Map<string, bigint>, doubtMs = 900_000): Promise<Freezable> {
    const undrained = new Map<string, bigint>();
    const { counters, relay } = await redis.wired(
      { doubtMs },
      {
        hold: (keys, work) => work(new Map([...keys].map((key) => [key, undrained.get(key) ?? 0n]))),
        keys: () => undrained.keys(),
      },
    );
    return new Freezable(undrained, stored, counters, relay);
  }

  async admit(nano: bigint, key = 'usd'): Promise<string> {
    const claims = [money(1_000n, nano, key)];
    const verdict = await this.counters.admit({ id: `call ${Math.random()}`, claims, waitMs: 0 });
    if (!verdict.admitted) throw new Error('refused');
    return verdict.id;
  }

  /** Ended and counted, and not stored before `drain`. */
  settle(id: string, nano: bigint, key = 'usd'): void {
    this.undrained.set(key, (this.undrained.get(key) ?? 0n) + nano);
    this.counters.settle(id, used(nano));
  }

  drain(): void {
    for (const [key, nano] of this.undrained) this.stored.set(key, (this.stored.get(key) ?? 0n) + nano);
    this.undrained.clear();
  }

  async back(): Promise<void> {
    this.relay.restore();
    await vi.waitUntil(() => this.counters.state === 'live', WITHIN);
  }

  open(key = 'usd'): Promise<void> {
    return this.counters.openTogether(new Map([[key, undefined]]), (keys) =>
      Promise.resolve(new Map([...keys].map((one) => [one, this.stored.get(one) ?? 0n]))),
    );
  }

  async balance(key = 'usd'): Promise<unknown> {
    await this.open(key).catch(() => undefined);
    await this.counters.refresh([key]);
    return this.counters.balance(key);
  }
}

/** How many processes the other one believes to count. */
const isAlone = (other: Freezable): Promise<void> =>
  expect.poll(() => other.counters.tick().then(() => other.counters.members), WITHIN).toBe(1);

describe('a process that is frozen for longer than its lease', () => {
  /** Its last moments were not stored, and whoever opened a counter meanwhile could not ask it: the sum lacked them for good. */
  it('is made good for in counters that were opened without its word', async () => {
    const stored = new Map<string, bigint>();
    const frozen = await Freezable.start(stored);
    const other = await Freezable.start(stored);
    await frozen.open();
    frozen.settle(await frozen.admit(60n), 50n);
    await frozen.counters.refresh(['usd']);
    frozen.undrained.set('fresh', 50n);
    frozen.relay.cut();
    await isAlone(other);
    await other.open('fresh');
    expect(await other.balance('fresh')).toMatchObject({ settledNanoUsd: 0n });
    await frozen.back();
    expect(await other.balance('fresh')).toEqual({ settledNanoUsd: 50n, heldNanoUsd: 0n });
    expect(await other.balance()).toEqual({ settledNanoUsd: 50n, heldNanoUsd: 0n });
    frozen.drain();
    expect(await other.balance('fresh')).toEqual({ settledNanoUsd: 50n, heldNanoUsd: 0n });
  });

  it('is not counted twice where it stored what it had not said', async () => {
    const stored = new Map<string, bigint>();
    const frozen = await Freezable.start(stored);
    const other = await Freezable.start(stored);
    await frozen.open();
    const id = await frozen.admit(60n);
    frozen.relay.cut();
    frozen.settle(id, 50n);
    await isAlone(other);
    // It woke: PostgreSQL heard it, Redis did not yet, and somebody reads the counter anew.
    frozen.drain();
    other.counters.reread(['usd']);
    await other.counters.refresh([]);
    await other.open();
    await frozen.back();
    expect(await other.balance()).toEqual({ settledNanoUsd: 50n, heldNanoUsd: 0n });
  });

  it('is believed when it comes back after what it held was charged whole', async () => {
    const stored = new Map<string, bigint>();
    const frozen = await Freezable.start(stored, 500);
    const other = await Freezable.start(stored, 500);
    await frozen.open();
    const [ended, running] = [await frozen.admit(60n), await frozen.admit(100n)];
    frozen.relay.cut();
    frozen.settle(ended, 50n);
    await other.open();
    await expect
      .poll(() => other.counters.tick().then(() => other.balance()), WITHIN)
      .toEqual({ settledNanoUsd: 160n, heldNanoUsd: 0n });
    frozen.drain();
    await frozen.back();
    expect(await other.balance()).toEqual({ settledNanoUsd: 50n, heldNanoUsd: 100n });
    frozen.settle(running, 10n);
    await frozen.counters.refresh([]);
    expect(await other.balance()).toEqual({ settledNanoUsd: 60n, heldNanoUsd: 0n });
  });

  it('finds its counters as they were where nobody decided without it', async () => {
    const stored = new Map<string, bigint>();
    const frozen = await Freezable.start(stored);
    const other = await Freezable.start(stored);
    await frozen.open();
    frozen.settle(await frozen.admit(60n), 50n);
    await frozen.counters.refresh(['usd']);
    frozen.relay.cut();
    await isAlone(other);
    await frozen.back();
    await other.counters.refresh(['usd']);
    // Still open: PostgreSQL is not asked, and may be away.
    expect(other.counters.balance('usd')).toEqual({ settledNanoUsd: 50n, heldNanoUsd: 0n });
  });
});
