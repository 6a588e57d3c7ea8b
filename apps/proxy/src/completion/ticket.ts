import type { Admission, Settlement, Standing } from '#libs/counters';
import type { NanoUsd, Usage } from '#libs/kernel';
import type { Candidate, Plan } from './plan.js';

/** What an admitted call holds until it is settled: its place in the counters, and what it may send upstream. */
export class Ticket {
  readonly #ids: string[];
  #inputTokens = 0;
  #outputTokens = 0;
  #costNanoUsd: NanoUsd = 0n;
  /** The candidates to try, the admitted one first. */
  readonly candidates: readonly Candidate[];
  /** The output cap that governance set in the caller's place; undefined when the caller's own stands. */
  readonly clampedTo: number | undefined;

  constructor(
    id: string,
    private readonly admission: Admission,
    readonly plan: Plan,
    at: number,
    /** Output cap per choice that governance sends; undefined leaves the caller's. */
    readonly outputCap: number | undefined,
    /** The caller's own cap as it was sent, to tell whether governance lowered it. */
    callerCap: number | undefined,
  ) {
    this.clampedTo =
      outputCap !== undefined && (callerCap === undefined || outputCap < callerCap) ? outputCap : undefined;
    this.#ids = [id];
    this.candidates =
      at === 0 ? plan.candidates : [...plan.candidates.slice(at), ...plan.candidates.slice(0, at)];
  }

  /** Every admission to settle. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  get standings(): readonly Standing[] {
    return this.admission.standings;
  }

  get waitedMs(): number {
    return this.admission.waitedMs;
  }

  /** What all attempts used so far. */
  get used(): Settlement {
    const inputTokens = this.#inputTokens;
    const outputTokens = this.#outputTokens;
    return {
      requests: 1,
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      costNanoUsd: this.#costNanoUsd,
    };
  }

  /** Cached tokens do not count against token limits (contract/limits 1.6). */
  add(usage: Usage, costNanoUsd: NanoUsd): void {
    this.#inputTokens += Math.max(0, usage.inputTokens - usage.cacheReadTokens);
    this.#outputTokens += usage.outputTokens;
    this.#costNanoUsd += costNanoUsd;
  }

  alsoHolds(id: string): void {
    this.#ids.push(id);
  }
}
