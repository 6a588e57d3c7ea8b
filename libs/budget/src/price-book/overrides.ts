import type { PriceOverrides } from '#libs/routing';
import { parseDecimal, shift } from './decimal.js';
import type { RateName, RateTier } from './rates.js';

const FIELDS: Readonly<Record<string, RateName>> = {
  input_cost_per_token: 'input',
  output_cost_per_token: 'output',
  cache_read_input_token_cost: 'cacheRead',
  cache_creation_input_token_cost: 'cacheWrite',
  cache_creation_input_token_cost_above_1hr: 'cacheWriteHour',
  output_cost_per_reasoning_token: 'reasoning',
  input_cost_per_audio_token: 'inputAudio',
  output_cost_per_audio_token: 'outputAudio',
  input_cost_per_image_token: 'inputImage',
  output_cost_per_image_token: 'outputImage',
  input_cost_per_request: 'request',
};

/** `input_cost_per_token_above_200k_tokens`, or `…_above_200000_tokens`: the price once the input is longer than that. */
const TIERED = /^(.+)_above_(?:(\d{1,5})k|(\d{1,9}))_tokens$/;

/**
 * The tiers a deployment's own prices make; undefined when it has none we bill by. Other fields (per image, per second,
 * batches, flex, priority) price things this proxy does not meter yet and are left alone. Throws RangeError, naming the field, for a price that is none.
 */
export function findOverrideTiers(prices: PriceOverrides): RateTier[] | undefined {
  const tiers = new Map<number, RateTier>();
  for (const [field, text] of Object.entries(prices)) {
    const tiered = TIERED.exec(field);
    const base = tiered?.[1] ?? field;
    const name = Object.hasOwn(FIELDS, base) ? FIELDS[base] : undefined;
    if (!name) continue;
    const above = tiered ? Number(tiered[3] ?? Number(tiered[2]) * 1000) : 0;
    const tier = tiers.get(above) ?? { above, rates: {} };
    tier.rates[name] = perTokenInNano(field, text);
    tiers.set(above, tier);
  }
  return tiers.size === 0 ? undefined : [...tiers.values()];
}

function perTokenInNano(field: string, text: string): ReturnType<typeof parseDecimal> {
  try {
    return shift(parseDecimal(text), -9);
  } catch (cause) {
    throw new RangeError(`${field} is not a price`, { cause });
  }
}
