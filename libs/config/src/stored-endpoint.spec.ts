import { describe, expect, it } from 'vitest';
import { readStoredEndpoint } from './stored-endpoint.js';

const VARIABLES: Readonly<Record<string, string>> = { KEY: 'value-of-key', LITELLM_SALT_KEY: 'the-salt' };
const read = (endpoint: object) =>
  readStoredEndpoint(
    'e1',
    { path: '/svc', target: 'https://t.example/v1', ...endpoint },
    (name) => VARIABLES[name],
  );

describe('a pass-through endpoint of the database', () => {
  it('is read as one of the file, needs a caller, and knows its id', () => {
    const { endpoint, problems, missing } = read({ headers: { 'X-Key': 'k os.environ/KEY' } });
    expect([problems, missing]).toEqual([[], []]);
    expect(endpoint).toMatchObject({ storedId: 'e1', path: '/svc', requiresCaller: true });
    expect(endpoint?.headers.map(([name, value]) => [name, typeof value === 'string'])).toEqual([
      ['x-key', false],
    ]);
  });

  /** Attack: a target of one's own is sent what the product lives on. */
  it.each([
    { headers: { 'X-Key': 'os.environ/LITELLM_SALT_KEY' } },
    { headers: { 'X-Key': 'a os.environ/LITELLM_SALT_KEY b' } },
    { target: 'https://evil.example/os.environ/LITELLM_SALT_KEY' },
    { default_query_params: { q: 'os.environ/DATABASE_URL' } },
  ])('names no variable of the product: %j', (fields) => {
    const reading = read(fields);
    expect(reading.problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(reading)).not.toContain('the-salt');
  });

  it('says which variable is not there, and what is not known', () => {
    expect(read({ headers: { 'X-Key': 'os.environ/NOWHERE' } }).missing).toMatchObject([
      { path: 'headers.X-Key' },
    ]);
    expect(read({ guardrails: ['pii'] })).toMatchObject({ endpoint: undefined });
    expect(read({ auth: false }).problems).toMatchObject([{ path: 'auth' }]);
    expect(read({ path: '/a/../b' }).endpoint).toBeUndefined();
  });
});
