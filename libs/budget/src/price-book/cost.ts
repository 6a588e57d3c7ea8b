import type { NanoUsd, Usage } from '#libs/kernel';
import { type CompiledRates, tierFor } from './rates.js';

/** What a call cost, in whole nano-dollars. `total` is rounded once, half up; the parts add up to it. */
export interface Cost {
  readonly totalNanoUsd: NanoUsd;
  readonly inputNanoUsd: NanoUsd;
  readonly outputNanoUsd: NanoUsd;
}

export const NO_COST: Cost = Object.freeze({ totalNanoUsd: 0n, inputNanoUsd: 0n, outputNanoUsd: 0n });

/**
 * Prices a usage exactly. Parts that overlap are billed once: cached tokens leave the input, audio bills only what is
 * left of it, reasoning and audio leave the output. The sum of all parts is rounded half up to a nano-dollar, once.
 */
export function costOf(rates: CompiledRates, usage: Usage): Cost {
  const tier = tierFor(rates, usage.inputTokens);
  let left = count(usage.inputTokens);
  const cacheRead = Math.min(left, count(usage.cacheReadTokens));
  left -= cacheRead;
  const cacheWrite = Math.min(left, count(usage.cacheWriteTokens));
  left -= cacheWrite;
  const cacheWriteHour = Math.min(left, count(usage.cacheWriteHourTokens));
  left -= cacheWriteHour;
  const inputAudio = Math.min(left, count(usage.inputAudioTokens));
  left -= inputAudio;
  const inputImage = Math.min(left, count(usage.inputImageTokens ?? 0));
  left -= inputImage;
  let text = count(usage.outputTokens);
  const reasoning = Math.min(text, count(usage.reasoningTokens));
  text -= reasoning;
  const outputAudio = Math.min(text, count(usage.outputAudioTokens));
  text -= outputAudio;
  const outputImage = Math.min(text, count(usage.outputImageTokens ?? 0));
  text -= outputImage;
  const input =
    left * tier.input +
    cacheRead * tier.cacheRead +
    cacheWrite * tier.cacheWrite +
    cacheWriteHour * tier.cacheWriteHour +
    inputAudio * tier.inputAudio +
    inputImage * tier.inputImage +
    tier.request;
  const output =
    text * tier.output +
    reasoning * tier.reasoning +
    outputAudio * tier.outputAudio +
    outputImage * tier.outputImage;
  // Doubles are exact below 2^53, and every term is smaller than the sum: no term was rounded if the sum was not.
  if (input + output <= Number.MAX_SAFE_INTEGER) return rounded(input, output, rates.unit);
  const big = (tokens: number, rate: number): bigint => BigInt(tokens) * BigInt(rate);
  return roundedBig(
    big(left, tier.input) +
      big(cacheRead, tier.cacheRead) +
      big(cacheWrite, tier.cacheWrite) +
      big(cacheWriteHour, tier.cacheWriteHour) +
      big(inputAudio, tier.inputAudio) +
      big(inputImage, tier.inputImage) +
      BigInt(tier.request),
    big(text, tier.output) +
      big(reasoning, tier.reasoning) +
      big(outputAudio, tier.outputAudio) +
      big(outputImage, tier.outputImage),
    BigInt(rates.unit),
  );
}

/** `tokens` at `rate` plus `more` at `moreRate`, rounded up: what a bound needs. */
export function costAtMost(
  tokens: number,
  rate: number,
  more: number,
  moreRate: number,
  unit: number,
): NanoUsd {
  const sum = tokens * rate + more * moreRate;
  if (sum <= Number.MAX_SAFE_INTEGER) return BigInt(Math.ceil(sum / unit));
  const exact = BigInt(tokens) * BigInt(rate) + BigInt(more) * BigInt(moreRate);
  return (exact + BigInt(unit) - 1n) / BigInt(unit);
}

function count(tokens: number): number {
  return tokens > 0 ? Math.floor(tokens) : 0;
}

function rounded(input: number, output: number, unit: number): Cost {
  const total = halfUp(input + output, unit);
  const inputNano = Math.floor(input / unit);
  return {
    totalNanoUsd: BigInt(total),
    inputNanoUsd: BigInt(inputNano),
    outputNanoUsd: BigInt(total - inputNano),
  };
}

function halfUp(sum: number, unit: number): number {
  const rest = sum % unit;
  return (sum - rest) / unit + (rest * 2 >= unit ? 1 : 0);
}

function roundedBig(input: bigint, output: bigint, unit: bigint): Cost {
  const total = ((input + output) * 2n + unit) / (unit * 2n);
  const inputNano = input / unit;
  return { totalNanoUsd: total, inputNanoUsd: inputNano, outputNanoUsd: total - inputNano };
}
