import type { ModelEntry } from '#libs/config';

export const PRICE_NAME =
  /(?:_cost_per_|_token_cost|^cost_per_|^search_context_cost|^tiered_pricing$|^off_peak_pricing$|^ptu_count$)/;

/** The prices an entry states, as exact decimal texts by their names; what stands with the parameters wins over the model's information. */
export function pricesOf({ info, params }: ModelEntry): Readonly<Record<string, string>> {
  const prices: Record<string, string> = {};
  collectPrices(info, prices);
  collectPrices(params, prices);
  return Object.freeze(prices);
}

function collectPrices(values: Readonly<Record<string, unknown>>, into: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    if (PRICE_NAME.test(name) && (typeof value === 'number' || typeof value === 'string'))
      into[name] = plainDecimal(value);
  }
  const { tiered_pricing: tiers } = values;
  if (Array.isArray(tiers)) for (const tier of tiers as readonly Tier[]) collectTier(tier, into);
}

/** One entry of `tiered_pricing`: prices of requests whose input is longer than where the range begins. */
interface Tier {
  readonly range: readonly [number, (number | null)?];
  readonly [price: string]: unknown;
}

function collectTier({ range: [above], ...prices }: Tier, into: Record<string, string>): void {
  for (const [name, value] of Object.entries(prices)) {
    if (!PRICE_NAME.test(name) || (typeof value !== 'number' && typeof value !== 'string')) continue;
    into[above === 0 ? name : `${name}_above_${above}_tokens`] = plainDecimal(value);
  }
}

/** `2.5e-7` as `0.00000025`: prices stay exact decimal texts. */
function plainDecimal(value: number | string): string {
  const match = /^(\d+)(?:\.(\d*))?e([+-]\d+)$/i.exec(String(value).trim());
  if (!match) return String(value).trim();
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  return point >= digits.length
    ? digits.padEnd(point, '0')
    : `${digits.slice(0, point)}.${digits.slice(point)}`;
}
