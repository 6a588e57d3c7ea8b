import { describe, expect, it } from 'vitest';
import { findingsOf } from './thresholds.js';

const DAY = 86_400_000;
const month = { id: 'm', startsAtMs: 0, endsAtMs: 30 * DAY };
const at = (settled: bigint, day = 29, soft?: bigint) =>
  findingsOf(
    soft === undefined ? {} : { softCapNanoUsd: soft },
    100n,
    settled,
    month,
    day * DAY,
    [80, 90, 100],
  );

describe('what is told about a budget', () => {
  it('is nothing while there is plenty', () => {
    expect(at(0n)).toEqual([]);
    expect(at(79n)).toEqual([]);
  });

  it('is the highest threshold reached, and that it is used up', () => {
    expect(at(80n)).toEqual([{ event: 'threshold_crossed', threshold: 80 }]);
    expect(at(95n)).toEqual([{ event: 'threshold_crossed', threshold: 90 }]);
    expect(at(100n)).toEqual([{ event: 'budget_crossed', threshold: 100 }]);
    expect(at(250n)).toEqual([{ event: 'budget_crossed', threshold: 100 }]);
  });

  it('is the soft budget, whatever the hard one says', () => {
    expect(at(50n, 29, 50n)).toEqual([{ event: 'soft_budget_crossed', threshold: 0 }]);
    expect(at(49n, 29, 50n)).toEqual([]);
  });

  it('is the day the money will be gone, when it will be before the period ends', () => {
    expect(at(50n, 10)).toEqual([
      { event: 'projected_limit_exceeded', threshold: 0, projectedNanoUsd: 150n, projectedAtMs: 20 * DAY },
    ]);
    expect(at(50n, 15)).toEqual([]);
  });

  it('is no prophecy from the first hours, and none for a budget that never resets', () => {
    expect(at(20n, 1)).toEqual([]);
    expect(findingsOf({}, 100n, 50n, undefined, 10 * DAY, [80])).toEqual([]);
  });

  it('says nothing of a budget of nothing that nobody touched', () => {
    expect(findingsOf({}, 0n, 0n, month, 29 * DAY, [80, 100])).toEqual([]);
  });
});
