import type { CallFacts, NanoUsd } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { findMaxOutputTokens, STATED_CONTEXT_WINDOW, STATED_OUTPUT_CAP } from './known-maxima.js';
import { costAtMost } from './price-book/cost.js';
import type { DeploymentPrice } from './price-book/price-book.js';
import { type CompiledTier, tierFor } from './price-book/rates.js';

/** The least answer worth paying for; also the smallest cap the Responses API takes. */
export const MINIMAL_ANSWER_TOKENS = 16;

/** What a call can cost at most, before it is made. */
export interface Bound {
  /** Input bound plus a minimal answer: below this nothing useful can be bought. */
  readonly minNanoUsd: NanoUsd;
  /** Input bound plus output bound times choices: the hold, and the crash charge. */
  readonly fullNanoUsd: NanoUsd;
  readonly inputNanoUsd: NanoUsd;
  readonly inputTokens: number;
  /** Per choice. */
  readonly outputTokens: number;
  readonly minOutputTokens: number;
  readonly choices: number;
  /** Set when nobody knew the model's longest answer: send it upstream as the cap, or the bound is not one. */
  readonly statedOutputTokens: number | undefined;
  /** False: nobody knows the price; the bound is zero and the call is served and flagged, or refused. */
  readonly priced: boolean;
  /** Dearest output rate in 1/`unit` nano-dollar per token. */
  readonly outputRate: number;
  readonly unit: number;
}

export interface BoundOptions {
  readonly nowMs: number;
  /** The provider cannot bill cache writes, because the caller marked nothing. */
  readonly noCacheWrites?: boolean;
}

/**
 * The bound of a call to a deployment, at the dearest price that may apply: the tier of its longest input, cache writes,
 * audio, reasoning. Pure and under a microsecond.
 */
export function boundOf(
  facts: CallFacts,
  deployment: Deployment,
  price: DeploymentPrice,
  options: BoundOptions,
): Bound {
  const window = price.contextWindow ?? STATED_CONTEXT_WINDOW;
  const inputTokens = Math.min(facts.inputTokenBound, window);
  const choices = Math.max(1, facts.choices);
  const longest = outputBound(facts, deployment);
  const outputTokens = longest ?? STATED_OUTPUT_CAP;
  const minOutputTokens = Math.min(outputTokens, minimalAnswer(facts));
  const rates = price.ratesAt(options.nowMs);
  const base = {
    inputTokens,
    outputTokens,
    minOutputTokens,
    choices,
    statedOutputTokens: longest === undefined ? outputTokens : undefined,
  };
  if (!rates)
    return {
      ...base,
      minNanoUsd: 0n,
      fullNanoUsd: 0n,
      inputNanoUsd: 0n,
      priced: false,
      outputRate: 0,
      unit: 1,
    };
  const tier = tierFor(rates, inputTokens);
  const inputRate = dearestInput(
    tier,
    options.noCacheWrites === true,
    Number.isFinite(facts.inputTokenBound),
  );
  const outputRate = Math.max(tier.output, tier.reasoning, tier.outputAudio, tier.outputImage);
  const at = (output: number): NanoUsd =>
    costAtMost(inputTokens, inputRate, output * choices, outputRate, rates.unit) +
    perRequest(tier, rates.unit);
  return {
    ...base,
    minNanoUsd: at(minOutputTokens),
    fullNanoUsd: at(outputTokens),
    inputNanoUsd: at(0),
    priced: true,
    outputRate,
    unit: rates.unit,
  };
}

/**
 * The output cap per choice that `grantedNanoUsd` pays, for a call whose hold was clamped; what to send upstream. Undefined
 * when it pays less than the minimal answer (thinking budget included): then the call must be refused, not sent.
 */
export function clampedOutputTokens(grantedNanoUsd: NanoUsd, bound: Bound): number | undefined {
  if (grantedNanoUsd >= bound.fullNanoUsd) return bound.outputTokens;
  if (bound.outputRate === 0) return grantedNanoUsd >= bound.inputNanoUsd ? bound.outputTokens : undefined;
  const left = (grantedNanoUsd - bound.inputNanoUsd) * BigInt(bound.unit);
  const tokens = Number(left / BigInt(bound.outputRate)) / bound.choices;
  // The minimal answer's own price was rounded up once as a whole; a grant of exactly `min` must still pay for it.
  if (grantedNanoUsd >= bound.minNanoUsd && tokens < bound.minOutputTokens) return bound.minOutputTokens;
  return tokens >= bound.minOutputTokens ? Math.min(bound.outputTokens, Math.floor(tokens)) : undefined;
}

/** Whether the price is known to be zero for input and output: no budget stands in the way of such a call (contract/limits 0). */
export function costsNothing({ priced, fullNanoUsd, outputRate, inputTokens }: Bound): boolean {
  return priced && fullNanoUsd === 0n && outputRate === 0 && inputTokens > 0;
}

/** The longest answer of one choice; undefined when nobody knows it. */
function outputBound(facts: CallFacts, deployment: Deployment): number | undefined {
  if (facts.endpoint === 'embeddings') return 0;
  const model =
    deployment.maxOutputTokens ?? findMaxOutputTokens(deployment.baseModel ?? deployment.upstreamModel);
  // The caller's cap holds as it is: an upstream that takes it may answer up to it, whatever our table says.
  return facts.maxOutputTokens ?? model;
}

/** A cap below the thinking budget is refused by the provider, so the minimal answer comes on top of it. */
function minimalAnswer(facts: CallFacts): number {
  return MINIMAL_ANSWER_TOKENS + (facts.thinkingTokens ?? 0);
}

/** An opaque part may be audio; text cannot. */
function dearestInput(tier: CompiledTier, noCacheWrites: boolean, textOnly: boolean): number {
  const text = noCacheWrites ? tier.input : Math.max(tier.input, tier.cacheWrite, tier.cacheWriteHour);
  return textOnly ? text : Math.max(text, tier.inputAudio, tier.inputImage);
}

function perRequest(tier: CompiledTier, unit: number): NanoUsd {
  return tier.request === 0 ? 0n : BigInt(Math.ceil(tier.request / unit));
}
