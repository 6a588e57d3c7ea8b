import { atScale, type Decimal } from './decimal.js';

/** What one kind of token (or one request) costs. Absent kinds fall back: see `completeRates`. */
export interface RateTable {
  input?: Decimal;
  output?: Decimal;
  cacheRead?: Decimal;
  cacheWrite?: Decimal;
  cacheWriteHour?: Decimal;
  reasoning?: Decimal;
  inputAudio?: Decimal;
  outputAudio?: Decimal;
  inputImage?: Decimal;
  outputImage?: Decimal;
  request?: Decimal;
}
export type RateName = keyof RateTable;

/** Prices from a number of input tokens on (`above`: strictly more), in nano-dollars per unit. */
export interface RateTier {
  readonly above: number;
  readonly rates: RateTable;
}

/** One tier, ready to multiply: all rates as integers of 1/`unit` nano-dollar. */
export interface CompiledTier {
  readonly above: number;
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cacheWriteHour: number;
  readonly reasoning: number;
  readonly inputAudio: number;
  readonly outputAudio: number;
  readonly inputImage: number;
  readonly outputImage: number;
  readonly request: number;
}

/** Prices of one model at one time. */
export interface CompiledRates {
  /** Rates are counted in 1/`unit` nano-dollar: a power of ten large enough to make each of them whole. */
  readonly unit: number;
  /** Ascending by `above`; the first has 0 and always applies. */
  readonly tiers: readonly CompiledTier[];
  readonly free: boolean;
}

export const ZERO: Decimal = { digits: 0n, scale: 0 };

/**
 * Makes tiers ready for arithmetic. A missing kind costs what the kind it is part of costs (cached and audio input as
 * input, one-hour writes as writes, reasoning and audio output as output); a tier that lacks a price keeps the one below it.
 * Throws RangeError when a price has more decimals or is larger than exact arithmetic carries.
 */
export function compileRates(tiers: readonly RateTier[]): CompiledRates {
  const sorted = [...tiers].sort((a, b) => a.above - b.above);
  const complete: { above: number; rates: Required<RateTable> }[] = [];
  let below: RateTable = {};
  for (const tier of sorted) {
    below = { ...below, ...tier.rates };
    complete.push({ above: tier.above, rates: completeRates(below) });
  }
  let scale = 0;
  for (const { rates } of complete)
    for (const rate of Object.values(rates)) scale = Math.max(scale, significantScale(rate));
  if (scale > 9) throw new RangeError('a price has more than 18 decimals');
  const compiled = complete.map(({ above, rates }) => compileTier(above, rates, scale));
  return { unit: 10 ** scale, tiers: compiled, free: compiled.every(isFree) };
}

function completeRates(given: RateTable): Required<RateTable> {
  const input = given.input ?? ZERO;
  const output = given.output ?? ZERO;
  const cacheWrite = given.cacheWrite ?? input;
  return {
    input,
    output,
    cacheRead: given.cacheRead ?? input,
    cacheWrite,
    cacheWriteHour: given.cacheWriteHour ?? cacheWrite,
    reasoning: given.reasoning ?? output,
    inputAudio: given.inputAudio ?? input,
    outputAudio: given.outputAudio ?? output,
    inputImage: given.inputImage ?? input,
    outputImage: given.outputImage ?? output,
    request: given.request ?? ZERO,
  };
}

/** What an operator takes off a provider's prices and then puts on them. */
export interface Adjustment {
  /** From 0 to 1. */
  readonly discount: Decimal;
  readonly margin: Decimal;
  readonly perRequestNanoUsd: bigint;
}

/**
 * The same tiers with the discount taken off each price and the margin put on what is left: exact as long as the product
 * has nine decimals of a nano-dollar, which prices and percentages people write have; else rounded half up there.
 */
export function adjustedTiers(
  tiers: readonly RateTier[],
  { discount, margin, perRequestNanoUsd }: Adjustment,
): RateTier[] {
  const left = minus(ONE, discount);
  const factor = times(left, plus(ONE, margin));
  return tiers.map(({ above, rates }) => {
    const adjusted: RateTable = {};
    for (const [name, rate] of Object.entries(rates) as [RateName, Decimal][])
      adjusted[name] = rounded(times(rate, factor), FINEST);
    // Per request, so once: in the lowest tier, which the others build on.
    if (above === 0 && perRequestNanoUsd > 0n)
      adjusted.request = plus(adjusted.request ?? ZERO, { digits: perRequestNanoUsd, scale: 0 });
    else if (adjusted.request !== undefined && perRequestNanoUsd > 0n)
      adjusted.request = plus(adjusted.request, { digits: perRequestNanoUsd, scale: 0 });
    return { above, rates: adjusted };
  });
}

const ONE: Decimal = { digits: 1n, scale: 0 };
/** Decimals of a nano-dollar that compiled rates can have. */
const FINEST = 9;

function times(a: Decimal, b: Decimal): Decimal {
  return { digits: a.digits * b.digits, scale: a.scale + b.scale };
}

function plus(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { digits: atScale(a, scale) + atScale(b, scale), scale };
}

function minus(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { digits: atScale(a, scale) - atScale(b, scale), scale };
}

/** A rate as fine as compiled rates can be, rounded half up: lists hold quotients such as 0.08333333333333334. */
export function finest(rate: Decimal): Decimal {
  return rounded(rate, FINEST);
}

function rounded(value: Decimal, most: number): Decimal {
  if (significantScale(value) <= most) return value;
  const unit = 10n ** BigInt(value.scale - most);
  return { digits: (value.digits * 2n + unit) / (unit * 2n), scale: most };
}

/** Decimals that are not trailing zeros. */
function significantScale({ digits, scale }: Decimal): number {
  let left = digits;
  let wanted = scale;
  while (wanted > 0 && left % 10n === 0n) {
    left /= 10n;
    wanted -= 1;
  }
  return digits === 0n ? 0 : wanted;
}

function compileTier(above: number, rates: Required<RateTable>, scale: number): CompiledTier {
  const whole = (rate: Decimal): number => {
    const value = Number(
      rate.scale <= scale ? atScale(rate, scale) : rate.digits / 10n ** BigInt(rate.scale - scale),
    );
    if (!Number.isSafeInteger(value)) throw new RangeError('a price is too large');
    return value;
  };
  return {
    above,
    input: whole(rates.input),
    output: whole(rates.output),
    cacheRead: whole(rates.cacheRead),
    cacheWrite: whole(rates.cacheWrite),
    cacheWriteHour: whole(rates.cacheWriteHour),
    reasoning: whole(rates.reasoning),
    inputAudio: whole(rates.inputAudio),
    outputAudio: whole(rates.outputAudio),
    inputImage: whole(rates.inputImage),
    outputImage: whole(rates.outputImage),
    request: whole(rates.request),
  };
}

function isFree(tier: CompiledTier): boolean {
  return Object.entries(tier).every(([name, value]) => name === 'above' || value === 0);
}

/** The tier that a request with so many input tokens is billed by. */
export function tierFor({ tiers }: CompiledRates, inputTokens: number): CompiledTier {
  let chosen = tiers[0];
  for (let index = 1; index < tiers.length; index += 1) {
    const tier = tiers[index];
    if (tier && inputTokens > tier.above) chosen = tier;
  }
  if (!chosen) throw new RangeError('a price without a tier');
  return chosen;
}
