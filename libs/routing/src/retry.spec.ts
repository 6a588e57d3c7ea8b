import { describe, expect, it } from 'vitest';
import { fallbacksFor } from './fallbacks.js';
import { failureKind, maxRetriesFor, retryDelayMs, shouldRetry } from './retry.js';
import { modelUnknown } from './routing-errors.js';

const failure = (status: number, more = {}) => ({
  status,
  code: 'upstream.rejected' as const,
  started: false,
  ...more,
});
const situation = { retries: 0, maxRetries: 2, groupSize: 1, healthy: 1 };

describe('a retry', () => {
  it.each([
    [0, true],
    [408, true],
    [409, true],
    [429, true],
    [500, true],
    [503, true],
    [400, false],
    [404, false],
    [422, false],
    [401, false],
    [403, false],
  ])('after %i: %s', (status, expected) => {
    expect(shouldRetry(failure(status), situation)).toBe(expected);
  });

  it('after 401 needs another deployment', () => {
    expect(shouldRetry(failure(401), { ...situation, groupSize: 2 })).toBe(true);
  });

  it('never follows bytes that reached the client, nor exceeds its number, nor asks the resting', () => {
    expect(shouldRetry(failure(500, { started: true }), situation)).toBe(false);
    expect(shouldRetry(failure(500), { ...situation, retries: 2 })).toBe(false);
    expect(shouldRetry(failure(500), { ...situation, healthy: 0 })).toBe(false);
    expect(shouldRetry(failure(500, { code: 'upstream.content_policy' }), situation)).toBe(false);
  });

  it('waits as the upstream says, within reason', () => {
    const half = () => 0.5;
    expect(retryDelayMs({ retries: 0, otherHealthy: true, upstreamRetryAfterMs: 9_000 }, half)).toBe(0);
    expect(retryDelayMs({ retries: 0, otherHealthy: false, upstreamRetryAfterMs: 9_000 }, half)).toBe(9_000);
    expect(retryDelayMs({ retries: 0, otherHealthy: false, upstreamRetryAfterMs: 61_000 }, half)).toBe(875);
    expect(retryDelayMs({ retries: 2, otherHealthy: false }, half)).toBe(2_375);
    expect(retryDelayMs({ retries: 50, otherHealthy: false }, half)).toBe(8_375);
    expect(retryDelayMs({ retries: 0, otherHealthy: false, minimumMs: 3_000 }, half)).toBe(3_000);
  });

  it('number comes from the request, the deployment, the router', () => {
    expect(maxRetriesFor(0, 4, 2)).toBe(0);
    expect(maxRetriesFor(undefined, 4, 2)).toBe(4);
    expect(maxRetriesFor(undefined, undefined, 2)).toBe(2);
    expect(maxRetriesFor(1e9, undefined, 2)).toBe(10);
  });
});

describe('fallbacks', () => {
  const settings = {
    fallbacks: { a: ['b', 'c', 'a'], '*': ['z'] },
    defaultFallbacks: ['d'],
    contextWindowFallbacks: { a: ['big'] },
    maxFallbacks: 5,
  };
  it('are the group’s own, else the default ones, without those tried', () => {
    expect(fallbacksFor('a', 'generic', settings)).toEqual(['b', 'c']);
    expect(fallbacksFor('a', 'generic', settings, new Set(['b']))).toEqual(['c']);
    expect(fallbacksFor('q', 'generic', settings)).toEqual(['z']);
    expect(fallbacksFor('q', 'generic', { ...settings, fallbacks: {} })).toEqual(['d']);
    expect(
      fallbacksFor('constructor', 'generic', { ...settings, fallbacks: {}, defaultFallbacks: [] }),
    ).toEqual([]);
  });

  it('of a special kind replace the generic ones as soon as any are configured', () => {
    expect(fallbacksFor('a', 'context_window', settings)).toEqual(['big']);
    expect(fallbacksFor('q', 'context_window', settings)).toEqual([]);
    expect(fallbacksFor('a', 'content_policy', settings)).toEqual(['b', 'c']);
    expect(failureKind('request.context_window_exceeded')).toBe('context_window');
  });

  it('are bounded in depth', () => {
    expect(fallbacksFor('a', 'generic', settings, new Set(), 5)).toEqual([]);
    expect(fallbacksFor('a', 'generic', settings, new Set(), 4)).toEqual(['b']);
  });
});

describe('an unknown model', () => {
  it('is told with the marker clients look for, and cannot forge a line', () => {
    const error = modelUnknown(`x\r\n${'y'.repeat(999)}`, '/chat/completions');
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error' });
    expect(error.publicMessage).toMatch(
      /^\/chat\/completions: Invalid model name passed in model=x {2}y+…\. .*`\/v1\/models`/,
    );
    expect(error.message).toContain('model not found');
  });
});
