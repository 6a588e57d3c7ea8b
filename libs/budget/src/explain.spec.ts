import { describe, expect, it } from 'vitest';
import type { MoneyClaim, Refusal } from '#libs/counters';
import { chargeFor } from './charge-rules.js';
import { explainRefusal } from './explain.js';
import { keyPrincipal } from './ledger/records.harness.js';
import { compileRates } from './price-book/rates.js';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const claim = (over: Partial<MoneyClaim> = {}): MoneyClaim => ({
  kind: 'money',
  key: 'k',
  scope: { type: 'key', id: 'key_1' },
  budget: 'main',
  capNanoUsd: 1_000_000_000n,
  minNanoUsd: 5n,
  fullNanoUsd: 9n,
  ...over,
});
const refusal = (
  reason: 'over' | 'busy',
  over: Partial<MoneyClaim> = {},
  current = 1_500_000_000n,
  retryAfterMs?: number,
): Refusal => ({
  admitted: false,
  waitedMs: 0,
  refused: [{ claim: claim(over), reason, current, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }],
});
const explain = (given: Refusal): ReturnType<typeof explainRefusal> =>
  explainRefusal(given, { status: 422, nowMs: NOW, principal: keyPrincipal() });

describe('a refusal for money', () => {
  /** A key's hash is what spend rows are found by; an error that shows it hands it to whoever reads the log of a client. */
  it('names the key by alias and mask, what it spent and its cap, and never its hash', () => {
    const error = explain(refusal('over'));
    expect(error).toMatchObject({ status: 422, type: 'budget_exceeded', code: 'budget.exceeded' });
    expect(error?.publicMessage).toContain(
      'Budget has been exceeded! Key=ci (sk-...abcd) Current cost: 1.5, Max budget: 1.',
    );
    expect(JSON.stringify([error?.publicMessage, error?.denial])).not.toContain('secret-hash');
  });
  it('says when the period ends', () => {
    const error = explain(refusal('over', { periodEndsAtMs: NOW + 90_500 }));
    expect(error?.headers['retry-after']).toBe('91');
    expect(error?.denial?.resetsAtMs).toBe(NOW + 90_500);
  });
  it('says that waiting does not help when the budget never resets', () => {
    expect(explain(refusal('over'))?.headers).toEqual({});
  });
  it('is a 429 with a true retry-after when the money is only held', () => {
    expect(explain(refusal('busy', {}, 0n, 7_300))).toMatchObject({
      status: 429,
      code: 'budget.busy',
      headers: { 'retry-after': '8' },
    });
  });
  it('shows the used-up budget before the busy one, and nothing when money was not the reason', () => {
    const both: Refusal = {
      admitted: false,
      waitedMs: 0,
      refused: [...refusal('busy').refused, ...refusal('over').refused],
    };
    expect(explain(both)?.code).toBe('budget.exceeded');
    expect(explain({ admitted: false, waitedMs: 0, refused: [] })).toBeUndefined();
  });
});

describe('what a call is charged, however it ends', () => {
  const rates = compileRates([
    { above: 0, rates: { input: { digits: 1n, scale: 0 }, output: { digits: 10n, scale: 0 } } },
  ]);
  const ending = { usage: undefined, outputBytes: 0, inputTokenBound: 500, requestBytes: 400 };
  const charge = (over: Partial<Parameters<typeof chargeFor>[1]>): string => {
    const { totalNanoUsd, flag } = chargeFor(rates, { kind: 'complete', ...ending, ...over });
    return `${totalNanoUsd} ${flag}`;
  };
  it.each<[string, Partial<Parameters<typeof chargeFor>[1]>, string]>([
    ['no usage reported', { outputBytes: 40 }, '200 usage_missing'],
    ['client gone before the first byte', { kind: 'cancelled' }, '100 cancelled'],
    ['half a stream', { kind: 'cancelled', outputBytes: 40 }, '200 cancelled'],
    ['upstream broke in the middle', { kind: 'broken', outputBytes: 40 }, '200 broken_stream'],
    ['upstream broke before it said anything', { kind: 'broken' }, '100 upstream_error'],
    ['nothing was sent', { kind: 'never_sent' }, '0 upstream_error'],
    ['the provider refused', { kind: 'rejected' }, '0 upstream_error'],
  ])('%s', (_, over, expected) => expect(charge(over)).toBe(expected));
});
