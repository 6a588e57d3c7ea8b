import type { Admission, Refusal } from './counters.js';

/** Enough for a repeat in the same breath; a larger memory keeps dead requests alive long enough to be promoted to old space. */
const REMEMBERED = 128;

/** The verdicts of calls that are over: at least the last 128, so that a late repeat is not taken again. */
export class RecentVerdicts {
  #young = new Map<string, Admission | Refusal>();
  #old = new Map<string, Admission | Refusal>();

  find(id: string): Admission | Refusal | undefined {
    return this.#young.get(id) ?? this.#old.get(id);
  }

  remember(id: string, verdict: Admission | Refusal): void {
    this.#young.set(id, verdict);
    if (this.#young.size < REMEMBERED) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
