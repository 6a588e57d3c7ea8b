import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { isOutage } from './outage.js';

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('a database that is away', () => {
  it.each([
    coded('ECONNREFUSED'),
    coded('57P01'),
    coded('08006'),
    coded('53300'),
    coded('25006', 'cannot execute INSERT in a read-only transaction'),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    new QueryFailedError('SELECT', [], coded('57P03')),
    new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]),
  ])('is seen as an outage: %s', (thrown) => {
    expect(isOutage(thrown)).toBe(true);
  });

  it.each([coded('23505'), coded('22P02'), new Error('nothing'), 'text', undefined, new AggregateError([])])(
    'is not seen in a refusal: %s',
    (thrown) => {
      expect(isOutage(thrown)).toBe(false);
    },
  );
});
