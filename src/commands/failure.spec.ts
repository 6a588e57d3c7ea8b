import { describe, expect, it } from 'vitest';
import { describeFailure } from './failure.js';

describe('what a failed command tells', () => {
  it('is a sentence with its reason, without a stack', () => {
    const error = new Error('PostgreSQL cannot be reached.', { cause: new Error('connect ECONNREFUSED') });
    expect(describeFailure(error)).toBe('PostgreSQL cannot be reached. (connect ECONNREFUSED)');
  });

  it('keeps the stack of a mistake of ours', () => {
    expect(describeFailure(new TypeError('x is not a function'))).toMatch(/TypeError.*\n\s+at /);
  });
});
