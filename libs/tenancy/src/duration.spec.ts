import { describe, expect, it } from 'vitest';
import { after, parseDuration, parsePeriod } from './duration.js';

describe('how long a key lives', () => {
  it.each([
    ['30s', { amount: 30, unit: 's' }],
    ['5m', { amount: 5, unit: 'm' }],
    ['1mo', { amount: 1, unit: 'mo' }],
    ['2y', { amount: 2, unit: 'y' }],
  ])('reads %s', (text, expected) => {
    expect(parseDuration(text)).toEqual(expected);
  });

  it.each([
    '',
    '0d',
    '-1d',
    '1.5h',
    '30',
    'd',
    '30 days',
    '1e3s',
    '200y',
    '9999999999y',
    '30D',
    '1d; drop table',
  ])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('adds calendar months, clamped to the last day', () => {
    const start = Date.UTC(2026, 0, 31, 10);
    expect(after(start, { amount: 1, unit: 'mo' })).toBe(Date.UTC(2026, 1, 28, 10));
    expect(after(start, { amount: 13, unit: 'mo' })).toBe(Date.UTC(2027, 1, 28, 10));
    expect(after(Date.UTC(2024, 1, 29), { amount: 1, unit: 'y' })).toBe(Date.UTC(2025, 1, 28));
  });

  it('adds days exactly', () => {
    expect(after(0, { amount: 30, unit: 'd' })).toBe(30 * 86_400_000);
  });
});

describe('how often a budget starts again', () => {
  it('understands words and durations', () => {
    expect(parsePeriod('monthly')).toBe('1mo');
    expect(parsePeriod('30d')).toBe('30d');
    expect(parsePeriod('fortnightly')).toBeUndefined();
    expect(parsePeriod('constructor')).toBeUndefined();
  });
});
