import type { Admission, Settlement, Standing } from '#libs/counters';
import type { NanoUsd, Usage } from '#libs/kernel';
import type { Candidate, Plan } from './plan.js';

/** What an admitted call holds until it is settled: its place in the counters, and what it may send upstream. */
export class Ticket {
  readonly #used = new Used();
  #extensions: Extension[] | undefined;
  /** Whether everything was given back: done once. */
  isSettled = false;
  /** The candidates to try, the admitted one first. */
  readonly candidates: readonly Candidate[];
  /** The output cap that governance set in the caller's place; undefined when the caller's own stands. */
  readonly clampedTo: number | undefined;

  constructor(
    readonly id: string,
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
    this.candidates =
      at === 0 ? plan.candidates : [...plan.candidates.slice(at), ...plan.candidates.slice(0, at)];
  }

  /** What is held of every budget. */
  get grantedNanoUsd(): NanoUsd {
    return this.admission.grantedNanoUsd;
  }

  /** The most that one try at a candidate costs: its bound, or what was granted where that is less and the answer was capped for it. */
  heldFor({ bound }: Candidate): NanoUsd {
    const { grantedNanoUsd, clamped } = this.admission;
    return clamped && grantedNanoUsd < bound.fullNanoUsd ? grantedNanoUsd : bound.fullNanoUsd;
  }

  /** Whether somebody pays or is limited in tokens: then an upstream that ignores its cap is not followed. */
  get isBounded(): boolean {
    return this.admission.grantedNanoUsd > 0n || this.admission.elasticAmount !== undefined;
  }

  get standings(): readonly Standing[] {
    return this.admission.standings;
  }

  get waitedMs(): number {
    return this.admission.waitedMs;
  }

  /** What all attempts used so far. */
  get used(): Settlement {
    return this.#used.settlement();
  }

  /** Cached tokens do not count against token limits (contract/limits 1.6). */
  add(usage: Usage, costNanoUsd: NanoUsd, candidate: Candidate): void {
    this.#used.add(usage, costNanoUsd);
    if (this.#extensions === undefined || candidate === this.candidates[0]) return;
    this.#extensions.find((extension) => extension.candidate === candidate)?.used.add(usage, costNanoUsd);
  }

  /** Another deployment's own limits and budgets are held under that id, and settled by what that deployment does. */
  alsoHolds(id: string, candidate: Candidate): void {
    (this.#extensions ??= []).push({ id, candidate, used: new Used() });
  }

  get extensions(): readonly Extension[] {
    return this.#extensions ?? NONE;
  }
}

/** What a retry at another deployment holds beside the call's own admission. */
export interface Extension {
  readonly id: string;
  readonly candidate: Candidate;
  readonly used: Used;
}

const NONE: readonly Extension[] = Object.freeze([]);

/** Tokens and money, summed over attempts. */
class Used {
  #inputTokens = 0;
  #outputTokens = 0;
  costNanoUsd: NanoUsd = 0n;

  add(usage: Usage, costNanoUsd: NanoUsd): void {
    this.#inputTokens += Math.max(0, usage.inputTokens - usage.cacheReadTokens);
    this.#outputTokens += usage.outputTokens;
    this.costNanoUsd += costNanoUsd;
  }

  settlement(): Settlement {
    const inputTokens = this.#inputTokens;
    const outputTokens = this.#outputTokens;
    return {
      requests: 1,
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      costNanoUsd: this.costNanoUsd,
    };
  }
}
