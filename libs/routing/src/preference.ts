import type { Deployment } from './deployment.js';

/** A number in [0, 1). */
export type Random = () => number;

/**
 * Lower `order` first; inside one level a weighted shuffle (simple-shuffle): by `weight`, else requests per minute, else
 * tokens per minute, else evenly: the first of these that any member sets.
 */
export function inOrderOfPreference(
  deployments: readonly Deployment[],
  random: Random,
): readonly Deployment[] {
  if (deployments.length < 2) return deployments;
  const levels = Map.groupBy(deployments, ({ order }) => order);
  if (levels.size === 1) return shuffled(deployments, random);
  return [...levels].sort(([a], [b]) => a - b).flatMap(([, level]) => shuffled(level, random));
}

function shuffled(deployments: readonly Deployment[], random: Random): readonly Deployment[] {
  const left = [...deployments];
  const weights = weightsOf(left);
  const out: Deployment[] = [];
  while (left.length > 0) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let index = total > 0 ? 0 : Math.floor(random() * left.length);
    if (total > 0) {
      for (
        let rest = random() * total - (weights[0] ?? 0);
        rest >= 0 && index < left.length - 1;
        rest -= weights[index] ?? 0
      )
        index += 1;
    }
    const [chosen] = left.splice(index, 1);
    weights.splice(index, 1);
    if (chosen) out.push(chosen);
  }
  return out;
}

function weightsOf(deployments: readonly Deployment[]): number[] {
  const metrics: readonly ((deployment: Deployment) => number)[] = [
    (deployment) => deployment.weight,
    (deployment) => deployment.requestsPerMinute ?? 0,
    (deployment) => deployment.tokensPerMinute ?? 0,
  ];
  for (const metric of metrics) {
    const weights = deployments.map(metric);
    if (weights.some((weight) => weight > 0)) return weights;
  }
  return deployments.map(() => 1);
}
