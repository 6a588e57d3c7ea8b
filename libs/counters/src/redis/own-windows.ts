import { SlidingWindow } from '../sliding-window.js';
import { Sweep } from '../sweep.js';

/** One window as this process knows it: its own part, and what all had taken when it last heard. */
export class OwnWindow {
  readonly own: SlidingWindow;
  heardTotal = 0;
  heardAtMs = -Infinity;
  /** What was admitted since Redis went away. */
  away: SlidingWindow | undefined;

  constructor(windowMs: number) {
    this.own = new SlidingWindow(windowMs);
  }
}

/** What this process itself admitted in the last window of each key: told to Redis when it has forgotten, and the base of its share while it is away. */
export class OwnWindows {
  readonly #windows = new Map<string, OwnWindow>();
  readonly #sweep = new Sweep();

  get size(): number {
    return this.#windows.size;
  }

  of(key: string, windowMs: number): OwnWindow {
    let window = this.#windows.get(key);
    if (!window) this.#windows.set(key, (window = new OwnWindow(windowMs)));
    return window;
  }

  find(key: string): OwnWindow | undefined {
    return this.#windows.get(key);
  }

  entries(): Iterable<[string, OwnWindow]> {
    return this.#windows;
  }

  forgetSomeIdle(nowMs: number): void {
    this.#sweep.some(
      this.#windows,
      ({ own, away, heardAtMs }) => !away && own.isEmptyAt(nowMs) && heardAtMs < nowMs - own.windowMs,
    );
  }
}
