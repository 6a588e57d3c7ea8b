import { type Bound, type Budgets, mayWriteCache } from '#libs/budget';
import type { CallFacts } from '#libs/kernel';
import type { Deployment, Resolution } from '#libs/routing';
import type { Asked } from './entrance.js';

/** One deployment that could serve the call, with what it may cost there. */
export interface Candidate {
  readonly deployment: Deployment;
  readonly upstreamModel: string;
  readonly bound: Bound;
  /** Tokens the model can take, when known. */
  readonly contextWindow: number | undefined;
}

/** A model group's candidates in order of preference, and the bound that holds whichever of them answers. */
export interface Plan {
  readonly resolution: Resolution;
  /** Those of the candidates, in the same order. */
  readonly deployments: readonly Deployment[];
  readonly candidates: readonly Candidate[];
  /** The dearest candidate's: a retry elsewhere must not outgrow the hold. */
  readonly bound: Bound;
  /** The instant of admission: prices, periods and the ledger's day are all of this moment. */
  readonly atMs: number;
}

export function makePlan(
  asked: Asked,
  facts: CallFacts,
  resolution: Resolution,
  planned: readonly Deployment[],
  budgets: Budgets,
  atMs: number,
): Plan {
  const noCacheWrites = !mayWriteCache(asked.body.bytes);
  const deployments = budgets.payable(planned, atMs, resolution);
  const candidates = deployments.map((deployment): Candidate => {
    const upstreamModel = resolution.upstreamModel(deployment);
    return {
      deployment,
      upstreamModel,
      bound: budgets.bound(facts, deployment, atMs, { upstreamModel, noCacheWrites }),
      contextWindow: budgets.contextWindow(deployment, upstreamModel),
    };
  });
  const [first, ...others] = candidates;
  if (!first) throw new Error('a plan without a deployment');
  const bound = others.reduce(
    (dearest, { bound: one }) => (one.fullNanoUsd > dearest.fullNanoUsd ? one : dearest),
    first.bound,
  );
  return { resolution, deployments, candidates, bound, atMs };
}
