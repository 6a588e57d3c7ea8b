import { GatewayError, ManualClock, type Principal } from '#libs/kernel';
import { Metrics } from '#libs/telemetry';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { principal } from '../../../test/harness/caller.js';
import { silentLogger } from '../../../test/harness/postgres.js';
import type { Decision } from './decision.js';
import { DecisionLog } from './decision-log.js';
import type { DecisionStore } from './decision-store.js';

/** Keeps what it is given, or is away. */
class MemoryStore {
  kept: Decision[] = [];
  isAway = false;
  async keep(decisions: readonly Decision[]): Promise<void> {
    if (this.isAway) throw new Error('away');
    this.kept.push(...decisions);
  }
}

let store: MemoryStore;
let log: DecisionLog;
beforeEach(() => {
  vi.useFakeTimers();
  store = new MemoryStore();
  log = new DecisionLog(
    store as unknown as DecisionStore,
    new ManualClock(),
    silentLogger,
    new Metrics({ processMetrics: false }),
  );
});
afterEach(() => vi.useRealTimers());

const caller = (id: string): Principal =>
  principal({ displayName: id, key: { id, hash: 'h', maskedName: 'sk-...1' } });

function refuse(
  principal: Principal | undefined,
  options: { caller?: Principal; status?: number } = {},
): string {
  const error = new GatewayError(principal ? 'rbac.forbidden' : 'auth.credential_unknown', 'no', options);
  log.note(error, { principal, route: 'POST /x', isCompletion: false });
  return error.decisionId ?? '';
}

describe('refusals', () => {
  it('of known callers are written together, a second later', async () => {
    const ids = [refuse(caller('a')), refuse(caller('b'))];
    expect(store.kept).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(store.kept.map(({ id }) => id)).toEqual(ids);
  });

  it('of nobody are remembered, a bounded number, and never written', async () => {
    const known = refuse(caller('a'));
    const first = refuse(undefined);
    for (let n = 0; n < 5_000; n += 1) refuse(undefined);
    const last = refuse(undefined);
    await log.flush();
    expect(store.kept.map(({ id }) => id)).toEqual([known]);
    expect(log.find(first)).toBeUndefined();
    expect(log.find(last)?.subject).toBeNull();
    expect(log.find(known)?.subject?.keyId).toBe('a');
  });

  it('of a key that is known but blocked are a known caller’s', async () => {
    refuse(undefined, { caller: caller('blocked') });
    await log.flush();
    expect(store.kept[0]?.subject?.keyId).toBe('blocked');
  });

  /** One client in a loop, or many: neither fills the database, and what is lost is counted. */
  it('beyond what one caller, and all together, are given in a second are only counted', async () => {
    for (let n = 0; n < 500; n += 1) refuse(caller('loud'));
    refuse(caller('quiet'));
    for (let n = 0; n < 500; n += 1) refuse(caller(`c${n}`));
    await log.flush();
    const ofLoud = store.kept.filter(({ subject }) => subject?.keyId === 'loud');
    expect(ofLoud).toHaveLength(20);
    expect(store.kept.some(({ subject }) => subject?.keyId === 'quiet')).toBe(true);
    expect(store.kept).toHaveLength(100);
    expect(log.dropped).toBe(1_001 - 100);
  });

  it('wait while the store is away, a bounded number, and are written when it is back', async () => {
    store.isAway = true;
    for (let round = 0; round < 20; round += 1) {
      for (let n = 0; n < 90; n += 1) refuse(caller(`r${round}c${n}`));
      await log.flush();
    }
    store.isAway = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(store.kept.length).toBeGreaterThan(0);
    expect(store.kept.length).toBeLessThanOrEqual(200);
    expect(store.kept.length + log.dropped).toBe(1_800);
  });

  it('that are nobody’s decision leave nothing', async () => {
    log.note(new GatewayError('internal.unexpected', 'x'), {
      principal: caller('a'),
      route: 'POST /x',
      isCompletion: false,
    });
    await log.flush();
    expect(store.kept).toEqual([]);
  });
});
