/** An exact decimal: `digits / 10^scale`. Every known price is one; binary floats are not. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** Reads `0.000003`, `3e-6`, `12`. Throws RangeError for anything negative, not finite or not a number. */
export function parseDecimal(text: string): Decimal {
  const match = /^\+?(\d{0,20})(?:\.(\d{0,40}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text.trim());
  if (!match || (match[1] ?? '') + (match[2] ?? '') === '') throw new RangeError('not a price');
  const fraction = match[2] ?? '';
  const digits = BigInt((match[1] ?? '') + fraction);
  const scale = fraction.length - Number(match[3] ?? 0);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** The decimal a number was written as: 0.1 is 1/10, not the nearest double. */
export function decimalOf(value: number): Decimal {
  return parseDecimal(String(value));
}

/** The same value divided by 10^places (negative: multiplied). */
export function shift({ digits, scale }: Decimal, places: number): Decimal {
  const moved = scale + places;
  return moved >= 0 ? { digits, scale: moved } : { digits: digits * 10n ** BigInt(-moved), scale: 0 };
}

/** The digits of the value at a scale at least its own. */
export function atScale({ digits, scale }: Decimal, wanted: number): bigint {
  return digits * 10n ** BigInt(wanted - scale);
}
