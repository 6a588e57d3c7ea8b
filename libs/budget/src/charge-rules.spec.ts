import { NO_USAGE } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { type CallEnding, chargeFor } from './charge-rules.js';
import { compileRates } from './price-book/rates.js';

const NANO = { digits: 1n, scale: 0 };
/** A nano-dollar a token, in and out. */
const RATES = compileRates([{ above: 0, rates: { input: NANO, output: NANO } }]);

const ending = (over: Partial<CallEnding>): CallEnding => ({
  ...{ kind: 'complete', usage: undefined, outputBytes: 0, inputTokenBound: 10, requestBytes: 40 },
  ...over,
});
const charged = (over: Partial<CallEnding>): bigint => chargeFor(RATES, ending(over)).totalNanoUsd;

describe('an answer of which nobody reports what it used', () => {
  it('is charged by its length', () => {
    expect(charged({ outputBytes: 40 })).toBe(20n);
    expect(charged({ outputBytes: 40, outputTokenBound: 30 })).toBe(20n);
  });

  it.each(['complete', 'cancelled', 'broken'] as const)(
    'is never charged beyond the cap that its upstream was sent: %s',
    (kind) => {
      // Sixty bytes are fifteen tokens by their length; the upstream was told to stop at nine.
      expect(charged({ kind, outputBytes: 60, outputTokenBound: 9 })).toBe(19n);
    },
  );

  it('is charged as it is long when the upstream cannot have kept to its cap', () => {
    expect(charged({ outputBytes: 400, outputTokenBound: 9 })).toBe(110n);
  });

  it('is charged what was counted, where tokens were, and what was reported where that is more', () => {
    expect(charged({ kind: 'cut', outputBytes: 400, outputTokens: 12, outputTokenBound: 9 })).toBe(22n);
    const usage = { ...NO_USAGE, inputTokens: 10, outputTokens: 30 };
    expect(charged({ kind: 'cancelled', usage, outputBytes: 60, outputTokenBound: 9 })).toBe(40n);
  });
});
