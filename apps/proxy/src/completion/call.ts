import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Claim, Standing } from '#libs/counters';
import { type CallFacts, type NanoUsd, newId, type Principal, type Usage } from '#libs/kernel';
import type { CompletionRoute } from '../http/completion-routes.js';

/** One completion on its way: what came in, who sent it, and whether anybody still waits for the answer. */
export class Call {
  readonly id = newId('req');
  readonly startedAt = performance.now();
  principal: Principal | undefined;
  facts: CallFacts | undefined;
  /** What was finally called, for the access line. */
  upstreamModel: string | undefined;
  costNanoUsd: NanoUsd = 0n;
  inputTokens = 0;
  outputTokens = 0;
  /** Time spent waiting for upstreams; the rest is ours. */
  upstreamMs = 0;
  attempts = 0;
  /** How long the last attempt may take until it answers. */
  timeoutMs = 0;
  retries = 0;
  fallbacks = 0;
  /** How often the caller's rights changed under way and everything was asked again. */
  restarts = 0;
  /** How long it stood in line for money that others held. */
  waitedMs = 0;
  #admissions = 0;
  #taken: Map<string, Standing> | undefined;
  #gone = false;
  #onGone: (() => void) | undefined;

  constructor(
    readonly route: CompletionRoute,
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {
    response.on('close', () => {
      if (response.writableFinished) return;
      this.#gone = true;
      this.#onGone?.();
    });
  }

  /** The client hung up before its answer was whole. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Called at once when the client hangs up; one listener at a time, `undefined` to stop listening. */
  whenGone(listener: (() => void) | undefined): void {
    this.#onGone = listener;
    if (this.#gone) listener?.();
  }

  get elapsedMs(): number {
    return performance.now() - this.startedAt;
  }

  /** A name of its own for each time the call asks to be admitted: the counters give one name one verdict for ever. */
  nextAdmissionId(): string {
    this.#admissions += 1;
    return this.#admissions === 1 ? this.id : `${this.id}:${this.#admissions}`;
  }

  /** What an admission still has to take: a fallback, or asking everything again, is still the one request that was counted. */
  untaken(claims: Claim[]): Claim[] {
    const taken = this.#taken;
    return taken === undefined ? claims : claims.filter(({ key }) => !taken.has(key));
  }

  /** Where the caller stands: with what this admission took, and the requests an earlier one did. */
  standingsWith(standings: readonly Standing[]): readonly Standing[] {
    return this.#taken === undefined ? standings : [...this.#taken.values(), ...standings];
  }

  /** What was admitted did not serve the call, and it goes on. */
  hasTaken(standings: readonly Standing[]): void {
    for (const standing of standings) {
      const { claim } = standing;
      if (claim.kind === 'gauge' || claim.measure !== 'requests' || claim.scope.type === 'deployment')
        continue;
      (this.#taken ??= new Map()).set(claim.key, standing);
    }
  }

  addUsage(usage: Usage, costNanoUsd: NanoUsd): void {
    this.inputTokens += usage.inputTokens;
    this.outputTokens += usage.outputTokens;
    this.costNanoUsd += costNanoUsd;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }
}
