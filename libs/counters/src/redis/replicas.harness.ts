import type { Clock, NanoUsd } from '#libs/kernel';
import { Secret } from '#libs/kernel';
import { type AdmissionRequest, Counters, type Settlement } from '../counters.js';
import { EpochStore } from './epoch-store.js';
import type { SpendTail } from './openings.js';
import { RedisCounters, type RedisCountersOptions } from './redis-counters.js';

const silent = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => silent,
};
function nothing(): void {}

/** What PostgreSQL keeps of epochs, in memory. */
export class MemoryEpochs extends EpochStore {
  epoch = '0';
  /** Lower it to play a restore of an earlier state. */
  ticket = 0;
  readonly members = new Map<string, string>();

  override read(): Promise<string> {
    return Promise.resolve(this.epoch);
  }

  override beat(incarnation: string): Promise<string> {
    if (!this.members.has(incarnation)) this.members.set(incarnation, '0');
    this.ticket += 1;
    return Promise.resolve(String(this.ticket));
  }

  override ready(incarnation: string, epoch: string): Promise<void> {
    this.members.set(incarnation, epoch);
    return Promise.resolve();
  }

  override advance(epoch: string): Promise<boolean> {
    if (Number(epoch) <= Number(this.epoch)) return Promise.resolve(false);
    for (const ready of this.members.values())
      if (Number(ready) < Number(epoch)) return Promise.resolve(false);
    this.epoch = epoch;
    return Promise.resolve(true);
  }

  override leave(incarnation: string): Promise<void> {
    this.members.delete(incarnation);
    return Promise.resolve();
  }
}

/** A process that stores everything at once. */
export const NO_TAIL: SpendTail = { hold: (_keys, work) => work(new Map()), keys: () => [] };

export const NEVER_STRICT = { isLimitStrict: () => false, isBudgetStrict: () => false };

export async function startReplica(
  url: string,
  clock: Clock,
  epochs: EpochStore,
  options: Partial<RedisCountersOptions> = {},
  tail: SpendTail = NO_TAIL,
): Promise<RedisCounters> {
  const counters = new RedisCounters(
    clock,
    { url: new Secret(url), policy: NEVER_STRICT, keepsAside: false, timeoutMs: 2_000, ...options },
    silent,
  );
  await counters.start({ epochs, tail, writer: counters.incarnation });
  return counters;
}

/** Several processes that look like one: each request goes to one of them, and stays there. */
export class Fleet extends Counters {
  constructor(readonly replicas: readonly RedisCounters[]) {
    super();
  }

  override admit(request: AdmissionRequest): ReturnType<Counters['admit']> {
    return this.#of(request.id).admit(request);
  }

  override settle(id: string, used: Settlement): void {
    this.#of(id).settle(id, used);
  }

  override amend(id: string, hold: NanoUsd): void {
    this.#of(id).amend(id, hold);
  }

  override isOpen(key: string): boolean {
    return this.#first.isOpen(key);
  }

  override open(key: string, settled: NanoUsd): void | Promise<void> {
    return this.#first.open(key, settled);
  }

  override adjust(key: string, delta: NanoUsd): Promise<void> {
    return this.#first.adjust(key, delta);
  }

  override follow(keys: readonly string[], cost: NanoUsd): void {
    this.#first.follow(keys, cost);
  }

  override recover(requestId: string, keys: readonly string[], cost: NanoUsd): void {
    this.#first.recover(requestId, keys, cost);
  }

  override bury(writer: string): Promise<void> {
    return this.#first.bury(writer);
  }

  override balance(key: string): { settledNanoUsd: NanoUsd; heldNanoUsd: NanoUsd } | undefined {
    return this.#first.balance(key);
  }

  /** What was asked of any is answered, and who waited has heard. */
  async idle(keys: readonly string[]): Promise<void> {
    const refresh = (): Promise<unknown> =>
      Promise.all(this.replicas.map((replica) => replica.refresh(keys)));
    await refresh();
    if (this.replicas.length > 1) await refresh();
  }

  get #first(): RedisCounters {
    return this.#of('');
  }

  #of(id: string): RedisCounters {
    let sum = 0;
    for (let i = 0; i < id.length; i += 1) sum += id.charCodeAt(i);
    const replica = this.replicas[sum % this.replicas.length];
    if (!replica) throw new Error('a fleet of none');
    return replica;
  }
}
