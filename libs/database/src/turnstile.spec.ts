import { describe, expect, it } from 'vitest';
import { Turnstile } from './turnstile.js';

describe('a turnstile', () => {
  it('lets as many through as it has places, the others in their order, and takes a failure for an end', async () => {
    const turnstile = new Turnstile(2);
    const log: string[] = [];
    let most = 0;
    let inside = 0;
    const work = (name: string, fails = false) =>
      turnstile.pass(async () => {
        inside += 1;
        most = Math.max(most, inside);
        log.push(name);
        await Promise.resolve();
        inside -= 1;
        if (fails) throw new Error(name);
      });
    const done = await Promise.allSettled([
      work('a', true),
      work('b'),
      work('c'),
      work('d', true),
      work('e'),
    ]);
    expect(log).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(most).toBe(2);
    expect(done.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });
});
