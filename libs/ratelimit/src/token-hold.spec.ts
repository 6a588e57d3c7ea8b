import { describe, expect, it } from 'vitest';
import type { CallFacts } from '#libs/kernel';
import { type LimitedCall, outputCapOf, tokenHoldOf } from './token-hold.js';

function call(facts: Partial<CallFacts>, tokensBound = facts.inputTokenBound ?? 100): LimitedCall {
  const inputTokenBound = tokensBound;
  return {
    modelGroup: 'demo',
    tokensBound,
    facts: {
      endpoint: 'chat',
      requestedModel: 'demo',
      stream: false,
      inputTokenBound,
      choices: 1,
      tags: [],
      ...facts,
    },
  };
}

describe('the tokens held for a call', () => {
  it.each([
    ['input and the cap of every choice', { maxOutputTokens: 50, choices: 3 }, 10_000, { amount: 250 }],
    ['input and a usual answer, shrinking to a minimal one', {}, 10_000, { amount: 1_124, atLeast: 116 }],
    [
      'a cap that could never fit is treated like none',
      { maxOutputTokens: 9_000 },
      4_000,
      { amount: 9_100, atLeast: 116 },
    ],
    ['never more than the limit at least', {}, 110, { amount: 1_124, atLeast: 110 }],
    ['at least one token of answer', {}, 100, { amount: 1_124, atLeast: 101 }],
    [
      'room for the thinking that was asked for',
      { maxOutputTokens: 9_000, thinkingTokens: 2_000 },
      4_000,
      { amount: 9_100, atLeast: 2_101 },
    ],
    ['no answer for embeddings', { endpoint: 'embeddings' }, 10_000, { amount: 100 }],
  ] as const)('%s', (_, facts, limit, hold) => {
    expect(tokenHoldOf(call(facts), 'total', limit)).toEqual(hold);
  });

  it('count only what the measure counts', () => {
    expect(tokenHoldOf(call({ maxOutputTokens: 50 }), 'input', 10_000)).toEqual({ amount: 100 });
    expect(tokenHoldOf(call({ maxOutputTokens: 50 }), 'output', 10_000)).toEqual({ amount: 50 });
    expect(tokenHoldOf(call({}), 'output', 10_000)).toEqual({ amount: 1_024, atLeast: 16 });
  });

  /** An image may cost anything up to the context window; a limit below that would otherwise refuse every image. */
  it('do not refuse an image because nobody knows its size', () => {
    const image = call({ inputTokenBound: Infinity }, 128_000);
    expect(tokenHoldOf(image, 'total', 10_000)).toEqual({ amount: 129_024, atLeast: 16 });
    expect(outputCapOf(image, 'total', 10_000)).toBe(1_024);
    expect(outputCapOf(image, 'total', 20)).toBe(20);
  });

  it('are too many when a count is not a number', () => {
    expect(tokenHoldOf(call({ maxOutputTokens: Number.NaN }, 100), 'total', 10_000).amount).toBe(
      Number.MAX_SAFE_INTEGER,
    );
    expect(tokenHoldOf(call({}, Number.NaN), 'input', 10_000).amount).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('the output cap sent upstream', () => {
  it.each([
    ['is what was held for the answer', {}, 160, 60],
    ['is divided between the choices', { choices: 4 }, 300, 50],
    ['replaces a cap that did not fit', { maxOutputTokens: 9_000 }, 4_000, 3_900],
    ['leaves a smaller cap alone', { maxOutputTokens: 40 }, 4_000, undefined],
    ['is never below one', {}, 100, 1],
    ['is none for embeddings', { endpoint: 'embeddings' }, 100, undefined],
  ] as const)('%s', (_, facts, taken, cap) => {
    expect(outputCapOf(call(facts), 'total', taken)).toBe(cap);
  });
});
