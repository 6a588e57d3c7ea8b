import type { Admission, AdmissionRequest, Refusal } from '../counters.js';

/** A request whose verdict is on its way: asked for, waiting for money that others hold, or for the counters themselves. */
export class Pending {
  readonly verdict: Promise<Admission | Refusal>;
  isAsked = false;
  isWaiting = false;
  readonly #answer: (verdict: Admission | Refusal) => void;
  readonly #fail: (error: Error) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly request: AdmissionRequest,
    readonly waitMs: number,
    readonly sinceMs: number,
    private readonly onAbort: () => void,
  ) {
    const { promise, resolve, reject } = Promise.withResolvers<Admission | Refusal>();
    this.verdict = promise;
    this.#answer = resolve;
    this.#fail = reject;
    request.signal?.addEventListener('abort', onAbort, { once: true });
  }

  answer(verdict: Admission | Refusal): void {
    this.#end();
    this.#answer(verdict);
  }

  fail(error: Error): void {
    this.#end();
    this.#fail(error);
  }

  /** Calls `late` unless it ends earlier, or is given another limit. */
  within(ms: number, late?: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = late && setTimeout(late, ms);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.request.signal?.removeEventListener('abort', this.onAbort);
  }
}
