import { PassingTable } from '#libs/kernel';
import type { Admission, Refusal } from './counters.js';

/** Enough for a repeat in the same breath; a larger memory keeps dead requests alive, which the collector then copies. */
const REMEMBERED = 32;

/** The last verdicts of calls that are over, so that a late repeat is not taken again. */
export class RecentVerdicts {
  readonly #verdicts = new PassingTable<Admission | Refusal>();
  /** Their ids in a ring, the oldest at `#next`. */
  readonly #ids: string[] = [];
  #next = 0;

  find(id: string): Admission | Refusal | undefined {
    return this.#verdicts.get(id);
  }

  /** `id` must not be remembered already. */
  remember(id: string, verdict: Admission | Refusal): void {
    const oldest = this.#ids[this.#next];
    if (oldest !== undefined) this.#verdicts.take(oldest);
    this.#verdicts.add(id, verdict);
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % REMEMBERED;
  }
}
