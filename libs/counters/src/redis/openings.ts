import type { NanoUsd } from '#libs/kernel';
import { pause, type Session } from './session.js';
import { unavailable } from './outage-share.js';
import { list } from './wire.js';

/** What this process has spent and not stored, asked for when a counter is opened. */
export interface SpendTail {
  /**
   * Runs `work` while this process stores nothing: `tail` is what it spent on each of the keys and has not stored. `work` asks
   * for what must be in order with later settlements before it awaits anything.
   */
  hold<T>(keys: ReadonlySet<string>, work: (tail: ReadonlyMap<string, NanoUsd>) => Promise<T>): Promise<T>;
  /** Every key of which something is spent and not stored. */
  keys(): Iterable<string>;
}

/** One budget to open, and when its period ends. */
export type ToOpen = ReadonlyMap<string, number | undefined>;

const OPEN_WITHIN_MS = 6_000;
const ASK_AGAIN_MS = 100;
/** Longer than this nobody is kept from storing. */
const HELD_MS = 2_000;
const KEPT_AFTER_END_MS = 3_600_000;

/** Opens counters from what is stored, together with all who spend; see the script's part of the same name. */
export class Openings {
  readonly #listeners = new Map<string, () => void>();
  readonly #spoken = new Set<string>();
  #made = 0;

  constructor(
    private readonly session: Session,
    private readonly tail: SpendTail,
    private readonly ask: (op: readonly unknown[]) => Promise<unknown>,
    private readonly nowMs: () => number,
  ) {}

  /** `read` is called when nobody stores, and returns what is stored of each key. Resolves when all of them are open. */
  async open(
    wanted: ToOpen,
    read: (keys: ReadonlySet<string>) => Promise<ReadonlyMap<string, NanoUsd>>,
  ): Promise<void> {
    const id = `${this.session.incarnation}.${(this.#made += 1)}`;
    for (const deadline = performance.now() + OPEN_WITHIN_MS; performance.now() < deadline;) {
      const [pending, ours] = (await this.ask(['B', id, [...wanted.keys()]])) as [number, string[] | object];
      const keys = new Set(list<string>(ours));
      if (keys.size === 0 && pending === 0) return;
      if (keys.size === 0) await pause(20);
      else if (await this.tail.hold(keys, (tail) => this.#openOurs(id, keys, tail, wanted, read))) continue;
    }
    throw unavailable('budgets could not be opened in time');
  }

  async #openOurs(
    id: string,
    keys: ReadonlySet<string>,
    tail: ReadonlyMap<string, NanoUsd>,
    wanted: ToOpen,
    read: (keys: ReadonlySet<string>) => Promise<ReadonlyMap<string, NanoUsd>>,
  ): Promise<boolean> {
    let heard = this.#heard(id, ASK_AGAIN_MS);
    let spoken = await this.ask(['C', id, entriesOf(tail)]);
    for (const deadline = performance.now() + HELD_MS; spoken === 1;) {
      if (performance.now() > deadline) break;
      await heard;
      heard = this.#heard(id, ASK_AGAIN_MS);
      // Said again for whoever joined meanwhile; asked again in case the answer was lost.
      await this.ask(['B', id, [...keys]]);
      spoken = await this.ask(['C', id, []]);
    }
    if (spoken !== 2) return (await this.ask(['A', id])) === undefined;
    const stored = await read(keys);
    const sums = [...keys].map((key) => {
      const endsAtMs = wanted.get(key);
      const keepMs = endsAtMs === undefined ? 0 : endsAtMs - this.nowMs() + KEPT_AFTER_END_MS;
      return [key, String(stored.get(key) ?? 0n), Math.max(0, Math.ceil(keepMs))];
    });
    return (await this.ask(['F', id, sums])) === 1;
  }

  /** Another process opens counters: says what this one has spent, and stores nothing until it is done. */
  async contribute(id: string, keys: readonly string[]): Promise<void> {
    if (this.#spoken.has(id)) return;
    this.#spoken.add(id);
    try {
      await this.tail.hold(new Set(keys), async (tail) => {
        const done = this.#heard(id, HELD_MS);
        const spoken = await this.ask(['C', id, entriesOf(tail)]);
        if (spoken === 0) return;
        if (!(await done)) await this.ask(['A', id]);
      });
    } finally {
      this.#spoken.delete(id);
    }
  }

  /** A message about an opening: all have spoken, or it is over. */
  hear(id: string): void {
    this.#listeners.get(id)?.();
  }

  #heard(id: string, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (isHeard: boolean): void => {
        clearTimeout(timer);
        this.#listeners.delete(id);
        resolve(isHeard);
      };
      const timer = setTimeout(() => finish(false), withinMs);
      this.#listeners.set(id, () => finish(true));
    });
  }
}

function entriesOf(tail: ReadonlyMap<string, NanoUsd>): [string, string][] {
  return [...tail].filter(([, nano]) => nano !== 0n).map(([key, nano]) => [key, String(nano)]);
}
