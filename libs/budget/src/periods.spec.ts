import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalDuration, findDuration } from './duration.js';
import { PeriodClock } from './period-clock.js';
import { periodAt, type PeriodRule } from './periods.js';

const ZONES = [
  'UTC',
  'America/New_York',
  'Europe/Berlin',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
];
const DURATIONS = [
  '30s',
  '5m',
  '90m',
  '1h',
  '5h',
  '30h',
  '48h',
  '1d',
  '2d',
  '7d',
  '14d',
  '30d',
  '60d',
  '365d',
  '1w',
  '2w',
  '1mo',
  '2mo',
  '5mo',
  '1y',
  '3y',
  'daily',
  'weekly',
  'monthly',
  'yearly',
];
const rule = (
  duration: string,
  timezone = 'UTC',
  resetTime = '00:00',
  anchor = '2026-01-29T22:17:05Z',
): PeriodRule => ({ duration, timezone, resetTime, anchorMs: Date.parse(anchor) });
const reset = (
  duration: string,
  timezone?: string,
  resetTime?: string,
  now = '2026-01-29T22:17:05Z',
): string => new Date(periodAt(rule(duration, timezone, resetTime), Date.parse(now)).endsAtMs).toISOString();

describe('a duration', () => {
  it.each(['0d', '-1d', '1.5h', 'd', '', 'forever', '10', '99999y', '1e3d', 'constructor'])(
    'refuses %j',
    (text) => {
      expect(findDuration(text)).toBeUndefined();
    },
  );
  it.each([
    ['weekly', '1w'],
    ['7d', '1w'],
    ['30d', '1mo'],
    ['monthly', '1mo'],
    ['24h', '1d'],
    ['12mo', '1y'],
    ['2w', '14d'],
    ['48h', '48h'],
  ])('%s is the same as %s', (written, canonical) => {
    const found = findDuration(written);
    const { count, unit } = canonicalDuration(found ?? { count: 0, unit: 's' });
    expect(`${count}${unit}`).toBe(canonical);
  });
});

describe('when a budget resets', () => {
  it.each([
    ['30s', '2026-01-29T22:17:30.000Z'],
    ['5m', '2026-01-29T22:20:00.000Z'],
    ['1h', '2026-01-29T23:00:00.000Z'],
    ['1d', '2026-01-30T00:00:00.000Z'],
    ['24h', '2026-01-30T00:00:00.000Z'],
    ['daily', '2026-01-30T00:00:00.000Z'],
    ['2d', '2026-01-31T00:00:00.000Z'],
    ['14d', '2026-02-12T00:00:00.000Z'],
    ['2w', '2026-02-12T00:00:00.000Z'],
    ['365d', '2027-01-29T00:00:00.000Z'],
    ['7d', '2026-02-02T00:00:00.000Z'],
    ['1w', '2026-02-02T00:00:00.000Z'],
    ['weekly', '2026-02-02T00:00:00.000Z'],
    ['30d', '2026-02-01T00:00:00.000Z'],
    ['1mo', '2026-02-01T00:00:00.000Z'],
    ['2mo', '2026-03-01T00:00:00.000Z'],
    ['3mo', '2026-04-01T00:00:00.000Z'],
    ['1y', '2027-01-01T00:00:00.000Z'],
    ['yearly', '2027-01-01T00:00:00.000Z'],
  ])('%s: at %s', (duration, at) => expect(reset(duration)).toBe(at));

  it('48h is 48 hours long, not until the next midnight', () => {
    const { startsAtMs, endsAtMs } = periodAt(rule('48h'), Date.parse('2026-01-29T22:17:05Z'));
    expect(endsAtMs - startsAtMs).toBe(48 * 3_600_000);
  });
  it('follows the time zone and the reset time', () => {
    expect(reset('1d', 'America/New_York')).toBe('2026-01-30T05:00:00.000Z');
    expect(reset('1d', 'Europe/Berlin', '06:30')).toBe('2026-01-30T05:30:00.000Z');
    expect(reset('1mo', 'Asia/Kolkata', '09:00:00')).toBe('2026-02-01T03:30:00.000Z');
    expect(reset('1h', 'Asia/Kolkata', '09:00')).toBe('2026-01-29T22:30:00.000Z');
  });
  it('makes a day of 23 and of 25 hours when the clocks change', () => {
    const hours = (now: string): number => {
      const { startsAtMs, endsAtMs } = periodAt(rule('1d', 'Europe/Berlin'), Date.parse(now));
      return (endsAtMs - startsAtMs) / 3_600_000;
    };
    expect(hours('2026-03-29T12:00:00Z')).toBe(23);
    expect(hours('2026-10-25T12:00:00Z')).toBe(25);
  });
  it('begins a day at the first instant after a reset time that the clocks skipped', () => {
    expect(reset('1d', 'Europe/Berlin', '02:30', '2026-03-28T12:00:00Z')).toBe('2026-03-29T01:30:00.000Z');
  });
  it('knows 29 February', () => {
    expect(reset('1mo', 'UTC', '00:00', '2028-02-29T23:59:59Z')).toBe('2028-03-01T00:00:00.000Z');
    expect(reset('1d', 'UTC', '00:00', '2028-02-28T23:59:59Z')).toBe('2028-02-29T00:00:00.000Z');
  });
  it('walks over a local day that the zone skipped', () => {
    const before = periodAt(rule('1d', 'Pacific/Apia'), Date.parse('2011-12-30T09:00:00Z'));
    expect(periodAt(rule('1d', 'Pacific/Apia'), before.endsAtMs).startsAtMs).toBe(before.endsAtMs);
  });
  it('is at once another counter when the duration or the zone changes', () => {
    const now = Date.parse('2026-01-29T22:17:05Z');
    const ids = [rule('1mo'), rule('1d'), rule('1mo', 'Asia/Kolkata')].map((each) => periodAt(each, now).id);
    expect(new Set(ids).size).toBe(3);
  });
});

describe('periods of one budget', () => {
  const anyRule = fc.record({
    duration: fc.constantFrom(...DURATIONS),
    timezone: fc.constantFrom(...ZONES),
    resetTime: fc.constantFrom('00:00', '02:30', '23:59:59', '06:00'),
    anchorMs: fc.integer({ min: Date.UTC(2010, 0), max: Date.UTC(2030, 0) }),
  });
  const instant = fc.integer({ min: Date.UTC(2011, 0), max: Date.UTC(2035, 0) });

  it('partition time: each instant is in one period, its end begins the next, and the id is the same throughout', () => {
    fc.assert(
      fc.property(
        anyRule,
        instant,
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (each, at, share) => {
          const period = periodAt(each, at);
          expect(period.startsAtMs).toBeLessThanOrEqual(at);
          expect(period.endsAtMs).toBeGreaterThan(at);
          const inside = period.startsAtMs + Math.floor(share * (period.endsAtMs - period.startsAtMs));
          expect(periodAt(each, inside)).toEqual(period);
          expect(periodAt(each, period.endsAtMs - 1)).toEqual(period);
          const next = periodAt(each, period.endsAtMs);
          expect(next.startsAtMs).toBe(period.endsAtMs);
          expect(next.id).not.toBe(period.id);
          expect(periodAt(each, period.startsAtMs - 1).endsAtMs).toBe(period.startsAtMs);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are the same through the clock that remembers the current one, also when time is set back', () => {
    fc.assert(
      fc.property(anyRule, fc.array(instant, { minLength: 2, maxLength: 6 }), (each, instants) => {
        const clock = new PeriodClock(each, instants[0] ?? 0);
        for (const at of instants) expect(clock.at(at)).toEqual(periodAt(each, at));
      }),
      { numRuns: 200 },
    );
  });
});
