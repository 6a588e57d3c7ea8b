import type { Budgets, CallEnding, ChargedCost } from '#libs/budget';
import type { Usage } from '#libs/kernel';
import type { Candidate, Plan } from './plan.js';

/** One attempt's arithmetic: what it is charged, however it ends (the rules are `chargeFor`'s in libs/budget). */
export class Books {
  constructor(
    private readonly budgets: Budgets,
    private readonly plan: Plan,
    private readonly candidate: Candidate,
    private readonly requestBytes: number,
  ) {}

  charge(kind: CallEnding['kind'], usage: Usage | undefined, outputBytes: number): ChargedCost {
    const { deployment, upstreamModel } = this.candidate;
    const ending = {
      kind,
      usage,
      outputBytes,
      inputTokenBound: this.plan.bound.inputTokens,
      requestBytes: this.requestBytes,
    };
    return this.budgets.charge(deployment, ending, this.plan.atMs, upstreamModel);
  }
}
