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

const ZERO: Decimal = { digits: 0n, scale: 0 };

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
    request: given.request ?? ZERO,
  };
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
