import { describe, expect, it } from 'vitest';
import { answerWithin } from './answer-within.js';

const late = (): Error => new Error('late');
const after = (ms: number): Promise<string> =>
  new Promise((resolve) => setTimeout(() => resolve('answer'), ms));

/** Nothing of this process runs meanwhile. */
function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('waiting for an answer', () => {
  it('ends with the answer', async () => {
    await expect(answerWithin(after(5), 200, late)).resolves.toBe('answer');
    await expect(answerWithin(Promise.reject(new Error('refused')), 200, late)).rejects.toThrow('refused');
  });

  it('ends when nobody answers', async () => {
    const startedMs = performance.now();
    await expect(answerWithin(new Promise(() => undefined), 80, late)).rejects.toThrow('late');
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(75);
  });

  /** Seen under load: the answer was there, and the process that had no time to read it called the other side silent. */
  it('does not take its own standing still for the silence of others', async () => {
    const answer = answerWithin(after(40), 100, late);
    standStill(300);
    await expect(answer).resolves.toBe('answer');
  });
});
