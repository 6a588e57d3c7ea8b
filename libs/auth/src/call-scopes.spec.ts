import { Budget, Customer, Tag } from '#libs/database';
import { ManualClock, type Principal } from '#libs/kernel';
import type { CallerDirectory, RequestRows } from '#libs/tenancy';
import { beforeEach, describe, expect, it } from 'vitest';
import { configWith, governedRow, keyRow, recordOf } from '../test/records.js';
import { CallScopes } from './call-scopes.js';
import { compilePrincipal } from './compile-principal.js';
import { ChangeFeed, type ChangeListener } from './ports.js';
import { RequestParts } from './request-parts.js';

class FakeFeed extends ChangeFeed {
  listener: ChangeListener | undefined;
  is: 'live' | 'down' = 'live';
  subscribe(listener: ChangeListener): void {
    this.listener = listener;
  }
  state(): 'live' | 'down' {
    return this.is;
  }
}

const config = await configWith({ auth: { keyCacheTtlMs: 5_000 }, budgets: { customerBudgetId: 'default' } });
const plain = compilePrincipal(recordOf(keyRow('sk-a', { tags: ['own'] })), config);

let rows: { customers: Map<string, Customer>; tags: Map<string, Tag>; budgets: Map<string, Budget> };
let asked: (readonly string[])[];
let isDown: boolean;
let meanwhile: (() => void) | undefined;
let feed: FakeFeed;
let clock: ManualClock;
let scopes: CallScopes;

beforeEach(() => {
  rows = { customers: new Map(), tags: new Map(), budgets: new Map() };
  asked = [];
  isDown = false;
  meanwhile = undefined;
  feed = new FakeFeed();
  clock = new ManualClock();
  const directory = {
    findForRequests: async (customers: readonly string[], tags: readonly string[]): Promise<RequestRows> => {
      asked.push([...customers, ...tags]);
      if (isDown) throw new Error('connect ECONNREFUSED');
      const read = {
        customers: new Map(rows.customers),
        tags: new Map(rows.tags),
        budgets: new Map(rows.budgets),
      };
      meanwhile?.();
      return read;
    },
  };
  scopes = new CallScopes(
    new RequestParts(directory as unknown as CallerDirectory, config, clock, feed),
    config,
  );
});

const customer = (id: string, changed: Partial<Customer> = {}) =>
  rows.customers.set(id, governedRow(new Customer(), { id, blocked: false, models: [], ...changed }));

describe('a call that names nothing new', () => {
  it.each<[string, Principal, string | undefined, string[]]>([
    ['nothing at all', plain, undefined, []],
    ['a tag it has anyway', plain, undefined, ['own']],
    ['another customer than the one it is pinned to', { ...plain, customerId: 'pinned' }, 'other', []],
  ])('keeps its own caller, unread: %s', (_, principal, id, tags) => {
    expect(scopes.forRequest(principal, id, tags)).toBe(principal);
    expect(asked).toEqual([]);
  });
});

describe('a call that names a customer and tags', () => {
  it('gets their limits and budgets on top of its own, read once', async () => {
    customer('c', { rpmLimit: 3, maxBudgetNano: 9n });
    rows.tags.set('x', governedRow(new Tag(), { name: 'x', tpmLimit: 4 }));
    const derived = await scopes.forRequest(plain, 'c', ['own', 'x']);
    expect(derived.limits).toEqual([
      { scope: { type: 'tag', id: 'x' }, tokensPerMinute: 4 },
      { scope: { type: 'customer', id: 'c' }, requestsPerMinute: 3 },
    ]);
    expect(derived.budgets).toMatchObject([{ scope: { type: 'customer', id: 'c' }, capNanoUsd: 9n }]);
    expect(derived).toMatchObject({ customerId: 'c', tags: ['own', 'x'] });
    expect(derived.spendScopes).toHaveLength(plain.spendScopes.length + 2);
    expect(scopes.forRequest(plain, 'c', ['own', 'x'])).toBe(derived);
    expect(asked).toEqual([['c', 'x']]);
  });

  it('is limited by what its key allows under each tag, its own ones and those it names', async () => {
    const key = keyRow('sk-a', { tags: ['own'], tagRpmLimits: { own: 5, x: 2, y: 1 } });
    const principal = compilePrincipal(recordOf(key), config);
    const ofKey = (tag: string, requestsPerMinute: number) => ({
      scope: { type: 'tag', id: `${key.id}\0${tag}` },
      requestsPerMinute,
    });
    expect(principal.limits).toEqual([ofKey('own', 5)]);
    const derived = await scopes.forRequest(principal, undefined, ['x', 'z']);
    expect(derived.limits).toEqual([ofKey('own', 5), ofKey('x', 2)]);
  });

  it('binds a customer nobody has heard of by the default budget', async () => {
    rows.budgets.set('default', governedRow(new Budget(), { id: 'default', maxBudgetNano: 2n }));
    const derived = await scopes.forRequest(plain, 'stranger', []);
    expect(derived.budgets).toMatchObject([{ scope: { type: 'customer', id: 'stranger' }, capNanoUsd: 2n }]);
  });

  it('is refused for a blocked customer, from the moment it is blocked', async () => {
    customer('c');
    const before = await scopes.forRequest(plain, 'c', []);
    customer('c', { blocked: true });
    feed.listener?.onChange({ noun: 'customer', id: 'c' });
    expect(before.isCurrent()).toBe(false);
    await expect(scopes.forRequest(plain, 'c', [])).rejects.toMatchObject({ code: 'auth.customer_blocked' });
  });

  it('hears of a change of the default budget, too', async () => {
    const before = await scopes.forRequest(plain, 'c', []);
    rows.budgets.set('default', governedRow(new Budget(), { id: 'default', maxBudgetNano: 2n }));
    feed.listener?.onChange({ noun: 'budget', id: 'default' });
    expect(before.isCurrent()).toBe(false);
    expect((await scopes.forRequest(plain, 'c', [])).budgets).toHaveLength(1);
  });

  it('asks again when a row changed while it was read', async () => {
    meanwhile = () => {
      meanwhile = undefined;
      customer('c', { rpmLimit: 1 });
      feed.listener?.onChange({ noun: 'customer', id: 'c' });
    };
    expect((await scopes.forRequest(plain, 'c', [])).limits).toHaveLength(1);
    expect(asked).toHaveLength(2);
  });

  it('shares one question with all that arrive together', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => scopes.forRequest(plain, `c${i % 5}`, [])));
    expect(asked).toHaveLength(1);
  });

  it('is served by what was known a moment ago while PostgreSQL is away, and strangers are 503', async () => {
    customer('c', { rpmLimit: 1 });
    await scopes.forRequest(plain, 'c', []);
    isDown = true;
    feed.is = 'down';
    clock.advance(6_000);
    expect((await scopes.forRequest(plain, 'c', [])).limits).toHaveLength(1);
    await expect(scopes.forRequest(plain, 'new', [])).rejects.toMatchObject({ code: 'counters.unavailable' });
    clock.advance(120_000);
    await expect(scopes.forRequest(plain, 'c', [])).rejects.toMatchObject({ status: 503 });
  });
});

describe('the model of a call', () => {
  const key = keyRow('sk-b', {
    modelRpmLimits: { 'gpt-4o': 5 },
    modelBudgets: { 'openai/gpt-4o': { capNano: '7', duration: '1d' } },
  });
  const ruled = compilePrincipal(recordOf(key), config);

  it('brings its rules, counted by the group, under every name that means it', () => {
    for (const asking of ['gpt-4o', 'openai/gpt-4o', 'alias']) {
      const derived = scopes.forModel(ruled, asking, 'gpt-4o');
      expect(derived.limits).toEqual([
        { scope: { type: 'model', id: 'key:key_sk-b:gpt-4o' }, requestsPerMinute: 5 },
      ]);
    }
    expect(scopes.forModel(ruled, 'openai/gpt-4o', 'openai/*').budgets).toMatchObject([
      { scope: { type: 'model', id: 'key:key_sk-b:openai/gpt-4o' }, capNanoUsd: 7n },
    ]);
  });

  it('has a default for keys about which nobody says anything, dimension by dimension', () => {
    const defaults = { requestsPerMinute: 2, tokensPerMinute: 30 };
    const scope = { type: 'model', id: 'key:key_sk-b:gpt-4o' };
    expect(scopes.forModel(ruled, 'gpt-4o', 'gpt-4o', defaults).limits).toEqual([
      { scope, requestsPerMinute: 5 },
      { scope, tokensPerMinute: 30 },
    ]);
    expect(scopes.forModel(plain, 'm', 'm', defaults).limits).toEqual([
      { scope: { type: 'model', id: 'key:key_sk-a:m' }, ...defaults },
    ]);
  });

  it('changes nothing where no rule names it, and costs nothing where there are no rules', () => {
    expect(scopes.forModel(ruled, 'other', 'other')).toBe(ruled);
    expect(scopes.forModel(plain, 'gpt-4o', 'gpt-4o')).toBe(plain);
  });
});
