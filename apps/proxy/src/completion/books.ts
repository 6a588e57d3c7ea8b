import type { Budgets, CallEnding, ChargedCost } from '#libs/budget';
import type { NanoUsd, Usage } from '#libs/kernel';
import type { Candidate, Plan } from './plan.js';

/** One attempt's arithmetic: what it is charged, however it ends (the rules are `chargeFor`'s in libs/budget). */
export class Books {
  constructor(
    private readonly budgets: Budgets,
    private readonly plan: Plan,
    private readonly candidate: Candidate,
    private readonly requestBytes: number,
    /** What the call may answer, all choices together. */
    private readonly outputTokenBound: number,
  ) {}

  charge(
    kind: CallEnding['kind'],
    usage: Usage | undefined,
    outputBytes: number,
    outputTokens?: number,
  ): ChargedCost {
    const { deployment, upstreamModel } = this.candidate;
    const ending = {
      kind,
      usage,
      outputBytes,
      outputTokenBound: this.outputTokenBound,
      inputTokenBound: this.plan.bound.inputTokens,
      requestBytes: this.requestBytes,
      ...(outputTokens === undefined ? {} : { outputTokens }),
    };
    return this.budgets.charge(deployment, ending, this.plan.atMs, upstreamModel);
  }

  /** What the call may cost at most now that its input is known: that input, and the answer it may still give. */
  boundAfter(usage: Usage, outputTokens: number): NanoUsd {
    const { deployment, upstreamModel } = this.candidate;
    const { atMs, bound } = this.plan;
    const input = this.budgets.cost(deployment, { ...usage, outputTokens: 0 }, atMs, upstreamModel);
    const output = BigInt(Math.ceil((outputTokens * bound.outputRate) / bound.unit));
    return input.totalNanoUsd + output;
  }
}
