import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUsd, parseUsd, usdNumber } from './money.js';

describe('a dollar amount', () => {
  it.each([
    ['0', 0n],
    ['1', 1_000_000_000n],
    ['0.000000001', 1n],
    ['12.5', 12_500_000_000n],
    ['0.0000000005', 1n],
    ['0.0000000004', 0n],
    ['1000000000', 1_000_000_000_000_000_000n],
  ])('reads %s exactly', (text, nano) => {
    expect(parseUsd(text)).toBe(nano);
  });

  it.each([1e-7, 0.1, 100, 3.3e-9])('reads the number %s as it prints', (value) => {
    expect(usdNumber(parseUsd(value))).toBeCloseTo(value, 9);
  });

  it.each([
    -1,
    NaN,
    Infinity,
    -Infinity,
    1e308,
    '1e5',
    '',
    ' ',
    '-0.1',
    '0x10',
    '1,000',
    '9999999999.1',
    '٣',
  ])('refuses %s', (value) => {
    expect(() => parseUsd(value)).toThrow(RangeError);
  });

  it('survives the way there and back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n }), (nano) => {
        expect(parseUsd(formatUsd(nano))).toBe(nano);
      }),
    );
  });

  it('is the same number whichever way it is made', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), (nano) => {
        expect(usdNumber(nano)).toBe(Number(formatUsd(nano)));
      }),
    );
  });

  it('prints negative amounts, which adjustments are', () => {
    expect(formatUsd(-1_500_000_000n)).toBe('-1.5');
  });
});
