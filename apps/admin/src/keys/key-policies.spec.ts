import type { Config } from '#libs/config';
import { describe, expect, it } from 'vitest';
import { principal } from '../../../../test/harness/caller.js';
import { parseBody } from '../http/request-body.js';
import { KeyPolicies } from './key-policies.js';
import { toKeyChange } from './key-fields.schemas.js';
import { generateBody, type GenerateBody } from './keys.schemas.js';

const policies = (keys: object): KeyPolicies =>
  new KeyPolicies(
    { keys: { defaults: {}, upperBounds: {}, generation: {}, ...keys } } as unknown as Config,
    { of: async (_: unknown, teamId: string) => (teamId === 't' ? 'admin' : 'user') } as never,
  );
const body = (sent: object): GenerateBody => parseBody(generateBody, sent).value;
const refusal = (work: () => unknown): unknown => {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
};

describe('defaults', () => {
  const { withDefaults } = { withDefaults: (sent: object) => defaults.withDefaults(body(sent)) };
  const defaults = policies({
    defaults: { models: ['m'], max_budget: 5, metadata: { a: 1 }, duration: '30d' },
  });

  it('fill what a request leaves open, null and empty included', () => {
    expect(withDefaults({ models: [], max_budget: null })).toMatchObject({
      models: ['m'],
      max_budget: 5_000_000_000n,
      metadata: { a: 1 },
      duration: '30d',
    });
  });

  it('never replace what it says, zero included', () => {
    expect(withDefaults({ models: ['x'], max_budget: 0 })).toMatchObject({ models: ['x'], max_budget: 0n });
  });

  it('never replace a moment that it says', () => {
    const later = { temp_budget_increase: 5, temp_budget_expiry: '2030-01-01T00:00:00Z' };
    const sent = { temp_budget_increase: 1, temp_budget_expiry: '2027-01-01T00:00:00Z' };
    expect(policies({ defaults: later }).withDefaults(body(sent))).toMatchObject({
      temp_budget_expiry: new Date('2027-01-01T00:00:00Z'),
    });
  });

  it('that are no fields of a key stop the start', () => {
    expect(() => policies({ defaults: { colour: 1 } })).toThrow(/default_key_generate_params.*colour/);
    expect(() => policies({ upperBounds: { max_budget: -1 } })).toThrow(
      /upperbound_key_generate_params.*max_budget/,
    );
    expect(() => policies({ upperBounds: { max_budgt: 1 } })).toThrow(/max_budgt/);
  });
});

describe('upper bounds', () => {
  const bounds = policies({
    upperBounds: { max_budget: 10, duration: '30d', rpm_limit: 5, budget_duration: '1mo' },
  });
  const bounded = (sent: object) => bounds.bounded(toKeyChange(body(sent)));

  it('count where nothing is asked', () => {
    expect(bounded({})).toMatchObject({
      capNanoUsd: 10_000_000_000n,
      lifetime: '30d',
      requestsPerMinute: 5,
      budgetDuration: '1mo',
    });
  });

  it('let through what is within them, whatever the unit', () => {
    expect(bounded({ max_budget: 10, duration: '4w', rpm_limit: 0, budget_duration: '30d' })).toMatchObject({
      lifetime: '4w',
      requestsPerMinute: 0,
    });
  });

  it.each([
    { max_budget: 10.000000001 },
    { duration: '31d' },
    { duration: '721h' },
    { rpm_limit: 6 },
    { rpm: 6 },
  ])('refuse %j', (sent) => {
    expect(refusal(() => bounded(sent))).toMatchObject({
      code: 'request.bad_field',
      publicMessage: expect.stringContaining('is over max limit set in config'),
    });
  });

  it('cannot be taken off by a later change', () => {
    expect(refusal(() => bounds.assertWithin(toKeyChange(body({ max_budget: null }))))).toBeDefined();
    expect(refusal(() => bounds.assertWithin(toKeyChange(body({ duration: '-1' }))))).toBeDefined();
    expect(refusal(() => bounds.assertWithin(toKeyChange(body({ key_alias: 'a' }))))).toBeUndefined();
  });
});

describe('who may make keys', () => {
  const rules = policies({
    generation: {
      team: { allowedRoles: ['admin'], requiredParams: ['tags'] },
      personal: { allowedRoles: ['proxy_admin'], requiredParams: [] },
    },
  });
  const ann = principal({ user: { id: 'ann' }, team: { id: 't', role: 'admin' } });
  const ask = (caller: ReturnType<typeof principal>, sent: object) =>
    rules.assertMayGenerate(caller, body(sent)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );

  it('is the operator’s to say, by role', async () => {
    expect(await ask(ann, { team_id: 't', tags: ['a'] })).toBeUndefined();
    expect(await ask(ann, { team_id: 'other', tags: ['a'] })).toMatchObject({ param: 'team_id' });
    expect(await ask(ann, {})).toMatchObject({ param: 'user_id' });
  });

  it('and what has to be said', async () => {
    expect(await ask(ann, { team_id: 't', tags: [] })).toMatchObject({ param: 'tags' });
  });

  it('never stops a proxy administrator', async () => {
    expect(await ask(principal({ role: 'proxy_admin' }), {})).toBeUndefined();
  });
});
