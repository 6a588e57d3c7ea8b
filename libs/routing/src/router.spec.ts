import { describe, expect, it } from 'vitest';
import { GatewayError, ManualClock } from '#libs/kernel';
import { Catalogue } from './catalogue.js';
import { compileDeployments } from './compile-deployments.js';
import type { Resolution } from './resolution.js';
import { Router, type RouterSettings } from './router.js';

type Params = Record<string, unknown>;

function routerOf(members: Params[], settings: Partial<RouterSettings> = {}, random: () => number = () => 0) {
  const clock = new ManualClock();
  const models = members.map(({ id, ...params }, index) => ({
    modelName: 'g',
    params: { model: 'openai/m', api_key: 'k', ...params },
    info: { id: id ?? `d${index}` },
    path: '',
  }));
  const catalogue = new Catalogue(compileDeployments(models));
  const router = new Router(
    catalogue,
    clock,
    { cooldownMs: 5_000, allowedFails: 3, disableCooldowns: false, enableTagFiltering: false, ...settings },
    random,
  );
  const resolution = catalogue.resolve('g') as Resolution;
  const ids = (more = {}) => router.plan(resolution, { endpoint: 'chat', ...more }).map(({ id }) => id);
  const fail = (index: number, status: number, times = 1, more = {}) => {
    for (let i = 0; i < times; i += 1)
      router.report(resolution.deployments[index] as never, { status, ...more });
  };
  return { clock, router, resolution, ids, fail };
}

const codeOf = (run: () => unknown): unknown => {
  try {
    run();
  } catch (thrown) {
    return thrown instanceof GatewayError ? thrown.code : thrown;
  }
  return undefined;
};

describe('the order of preference', () => {
  it('uses the lowest order level first', () => {
    expect(routerOf([{ order: 2 }, { order: 1 }, { order: 2 }]).ids()).toEqual(['d1', 'd0', 'd2']);
  });

  it.each<[string, Params[], [number, number]]>([
    ['weight', [{ weight: 1, rpm: 99 }, { weight: 3 }], [0.25, 0.75]],
    ['rpm', [{ rpm: 1, tpm: 99 }, { rpm: 4 }], [0.2, 0.8]],
    ['tpm', [{ tpm: 1 }, { tpm: 1 }], [0.5, 0.5]],
    ['nothing', [{}, {}], [0.5, 0.5]],
    ['a weight of zero', [{ weight: 0 }, { weight: 1 }], [0, 1]],
  ])('shares traffic by %s', (_, members, [first]) => {
    let state = 1;
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
    const { ids } = routerOf(members, {}, random);
    let hits = 0;
    for (let i = 0; i < 4_000; i += 1) if (ids()[0] === 'd0') hits += 1;
    expect(hits / 4_000).toBeCloseTo(first, 1);
  });

  it('puts those tried last, and keeps the array of a single deployment', () => {
    expect(routerOf([{}, {}]).ids({ tried: new Set(['d0']) })).toEqual(['d1', 'd0']);
    const { router, resolution } = routerOf([{}]);
    expect(router.plan(resolution, { endpoint: 'chat' })).toBe(resolution.deployments);
  });
});

describe('cooldowns', () => {
  it.each<[string, number, number, number, boolean]>([
    ['429 in a group', 2, 429, 1, true],
    ['429 alone', 1, 429, 50, false],
    ['401 alone', 1, 401, 1, true],
    ['404 in a group', 2, 404, 1, true],
    ['one 500', 2, 500, 1, false],
    ['five 500s in a group', 2, 500, 5, true],
    ['five 500s alone', 1, 500, 5, false],
    ['a thousand 500s alone', 1, 500, 1000, true],
    ['the caller’s own 400s', 2, 400, 1000, false],
    ['422s', 2, 422, 1000, false],
    ['no answer once', 2, 0, 1, false],
    ['no answer five times', 2, 0, 5, true],
  ])('%s', (_, size, status, times, rests) => {
    const { router, resolution, fail } = routerOf(Array.from({ length: size }, () => ({})));
    fail(0, status, times);
    expect(router.cooldownRemainingMs(resolution.deployments[0] as never) > 0).toBe(rests);
  });

  it('end by themselves', () => {
    const { clock, ids, fail } = routerOf([{}, {}]);
    fail(0, 429);
    expect(ids()).toEqual(['d1']);
    clock.advance(5_000);
    expect(ids().length).toBe(2);
  });

  it.each<[Params, Params, number]>([
    [{ cooldown_time: 2 }, { retryAfterMs: 9_000 }, 2_000],
    [{}, { retryAfterMs: 9_000 }, 9_000],
    [{}, { retryAfterMs: 86_400_000 }, 60_000],
    [{ cooldown_time: 0 }, {}, 0],
    [{}, { callerTimeout: true }, 0],
  ])('of %j after %j last %i ms', (params, outcome, expected) => {
    const { router, resolution, fail } = routerOf([params, {}]);
    fail(0, 429, 1, outcome);
    expect(router.cooldownRemainingMs(resolution.deployments[0] as never)).toBe(expected);
  });

  it('count failures when allowed_fails is set', () => {
    const { router, resolution, fail } = routerOf([{}], { allowedFails: 1 });
    fail(0, 500);
    expect(router.healthyCount(resolution.deployments)).toBe(1);
    fail(0, 500);
    expect(router.healthyCount(resolution.deployments)).toBe(0);
  });

  it('tell a healthy model by what fails in a minute; one failure is none', () => {
    const { clock, router, resolution, fail } = routerOf([{}, {}]);
    const isHealthy = (): boolean => router.isHealthy(resolution.deployments);
    fail(0, 500);
    fail(0, 400);
    expect(isHealthy()).toBe(true);
    fail(0, 500);
    expect(isHealthy()).toBe(false);
    clock.advance(60_000);
    expect(isHealthy()).toBe(true);
    expect(routerOf([{}], { disableCooldowns: true }).router.isHealthy(resolution.deployments)).toBe(false);
  });

  it('can be switched off', () => {
    const { ids, fail } = routerOf([{}, {}], { disableCooldowns: true });
    fail(0, 429, 9);
    expect(ids().length).toBe(2);
  });

  it('of all answer 429 with a true retry-after and no internal id', () => {
    const { clock, ids, fail } = routerOf([{ id: 'internal-one' }, { id: 'internal-two' }]);
    fail(0, 429, 1, { retryAfterMs: 30_000 });
    fail(1, 429, 1, { retryAfterMs: 8_000 });
    clock.advance(500);
    try {
      ids();
      expect.unreachable();
    } catch (thrown) {
      expect(thrown).toMatchObject({
        status: 429,
        type: 'all_deployments_in_cooldown',
        headers: { 'retry-after': '8' },
      });
      expect((thrown as GatewayError).publicMessage).toContain(
        'No deployments available for selected model, Try again in 8 seconds',
      );
      expect((thrown as GatewayError).publicMessage).not.toContain('internal');
    }
    clock.advance(7_500);
    expect(ids()).toEqual(['internal-two']);
  });
});

describe('who may use a deployment', () => {
  it('keeps reserved deployments to their keys', () => {
    const { ids } = routerOf([{ allowed_keys: ['admin-key'] }]);
    expect(codeOf(() => ids())).toBe('rbac.deployment_denied');
    expect(codeOf(() => ids({ keyNames: ['other', undefined] }))).toBe('rbac.deployment_denied');
    expect(ids({ keyNames: [undefined, 'admin-key'] })).toEqual(['d0']);
  });

  it('serves only endpoints its wire speaks', () => {
    expect(codeOf(() => routerOf([{ model: 'anthropic/claude-x' }]).ids())).toBe(
      'routing.provider_unsupported',
    );
    expect(codeOf(() => routerOf([{}]).ids({ endpoint: 'messages' }))).toBe('routing.provider_unsupported');
    expect(routerOf([{ model: 'anthropic/claude-x' }, {}]).ids({ endpoint: 'messages' })).toEqual(['d0']);
    expect(routerOf([{ mock_response: 'x' }]).ids({ endpoint: 'messages' })).toEqual(['d0']);
  });

  it('filters by tags when told to', () => {
    const settings = { enableTagFiltering: true };
    const members = [{ tags: ['paid'] }, { tags: ['default'] }, {}];
    expect(routerOf(members, settings).ids({ tags: ['paid', 'x'] })).toEqual(['d0']);
    expect(routerOf(members, settings).ids()).toEqual(['d1']);
    expect(routerOf([{ tags: ['a'] }, {}], settings).ids().length).toBe(2);
    expect(codeOf(() => routerOf([{ tags: ['a'] }], settings).ids({ tags: ['b'] }))).toBe(
      'routing.tags_denied',
    );
    expect(routerOf(members).ids({ tags: ['paid'] }).length).toBe(3);
  });
});
