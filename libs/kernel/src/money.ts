/** Billionths of a US dollar. A bigint, because summing floats of cents is how ledgers drift. */
export type NanoUsd = bigint & { readonly __unit?: 'nanoUSD' };

const NANO_PER_USD = 1_000_000_000n;

/**
 * A decimal dollar amount (`"12.5"`, `12.5`, `1e-7`) as nano-dollars, rounded half up at the ninth decimal.
 * Throws RangeError on anything that is not a finite, non-negative amount up to a billion dollars.
 */
export function parseUsd(value: number | string): NanoUsd {
  const text = typeof value === 'number' ? toPlainDecimal(value) : value.trim();
  const match = /^(\d{1,10})(?:\.(\d*))?$/.exec(text);
  if (!match) throw new RangeError('not a dollar amount');
  const whole = BigInt(match[1] ?? '0');
  const fraction = (match[2] ?? '').padEnd(10, '0');
  const nano = whole * NANO_PER_USD + BigInt(fraction.slice(0, 9)) + (fraction.charCodeAt(9) >= 53 ? 1n : 0n);
  if (nano > 1_000_000_000n * NANO_PER_USD) throw new RangeError('more than a billion dollars');
  return nano;
}

function toPlainDecimal(value: number): string {
  if (!Number.isFinite(value) || value < 0) return '';
  return value.toString().includes('e') ? value.toFixed(12) : value.toString();
}

/** Exact decimal dollars without trailing zeros: `1500000000n` -> `"1.5"`. */
export function formatUsd(nano: NanoUsd): string {
  const sign = nano < 0n ? '-' : '';
  const absolute = nano < 0n ? -nano : nano;
  if (absolute > MAX_SAFE_NANO)
    return `${sign}${absolute / NANO_PER_USD}${fractionOf(Number(absolute % NANO_PER_USD))}`;
  // Below nine million dollars doubles hold every nano-dollar, and cost a fifth of bigints: each answer prints several amounts.
  const exact = Number(absolute);
  const fraction = exact % 1e9;
  return `${sign}${(exact - fraction) / 1e9}${fractionOf(fraction)}`;
}

const MAX_SAFE_NANO = BigInt(Number.MAX_SAFE_INTEGER);

function fractionOf(nano: number): string {
  if (nano === 0) return '';
  const digits = String(1e9 + nano);
  let end = 10;
  while (digits.charCodeAt(end - 1) === 48) end -= 1;
  return `.${digits.slice(1, end)}`;
}

/** Dollars as a JSON number, for the wire shapes that promise one. Exact to a double; never used for arithmetic. */
export function usdNumber(nano: NanoUsd): number {
  // Both operands are exact below that, so the quotient is the double nearest to the amount.
  if (nano >= -MAX_SAFE_NANO && nano <= MAX_SAFE_NANO) return Number(nano) / 1e9;
  return Number(formatUsd(nano));
}
