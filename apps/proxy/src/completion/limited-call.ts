import type { CallFacts, Principal, UsualAnswer } from '#libs/kernel';
import type { LimitedCall } from '#libs/ratelimit';
import type { Plan } from './plan.js';

/** What the limits need to know of a call. */
export function limitedCall(plan: Plan, facts: CallFacts, { usualAnswers }: Principal): LimitedCall {
  const { name, group } = plan.resolution;
  const call = { modelGroup: group, tokensBound: plan.bound.inputTokens, facts };
  return usualAnswers === undefined
    ? call
    : { ...call, usualOutputTokens: usualOutputOf(usualAnswers, [facts.requestedModel, name, group]) };
}

/** Who speaks of the model first, then of all: the key, and after it its team. */
function usualOutputOf(answers: readonly UsualAnswer[], names: readonly string[]): number | undefined {
  for (const { tokens, ofModel } of answers) {
    const name = names.find((one) => ofModel[one] !== undefined);
    const usual = name === undefined ? tokens : ofModel[name];
    if (usual !== undefined) return usual;
  }
  return undefined;
}
