/** A budget's length as written: `30d`, `2mo`, `weekly`. */
export interface Duration {
  readonly count: number;
  readonly unit: DurationUnit;
}

export type DurationUnit = 's' | 'm' | 'h' | 'd' | 'w' | 'mo' | 'y';

const WORDS: Readonly<Record<string, Duration>> = {
  hourly: { count: 1, unit: 'h' },
  daily: { count: 1, unit: 'd' },
  weekly: { count: 1, unit: 'w' },
  monthly: { count: 1, unit: 'mo' },
  yearly: { count: 1, unit: 'y' },
};

const UNIT_SECONDS: Readonly<Record<DurationUnit, number>> = {
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
  mo: 2_592_000,
  y: 31_536_000,
};

/** A century: longer periods are typing errors, and their arithmetic would leave the calendar. */
const MAX_SECONDS = 100 * 366 * 86_400;

/** Reads a duration; undefined when it is not one (`0d`, `1.5h`, `forever`, more than a century). */
export function findDuration(text: string): Duration | undefined {
  const lower = text.trim().toLowerCase();
  const word = Object.hasOwn(WORDS, lower) ? WORDS[lower] : undefined;
  if (word) return word;
  const match = /^(\d{1,10})(mo|[smhdwy])$/.exec(lower);
  if (!match) return undefined;
  const count = Number(match[1]);
  const unit = match[2] as DurationUnit;
  if (count < 1 || count * UNIT_SECONDS[unit] > MAX_SECONDS) return undefined;
  return { count, unit };
}

/**
 * The one spelling of equal durations, so that `weekly`, `1w` and `7d` share a period id: 24h is a day, 30d is a month,
 * 7d is a week, 12mo is a year.
 */
export function canonicalDuration(duration: Duration): Duration {
  const { count, unit } = duration;
  if (unit === 'h' && count === 24) return { count: 1, unit: 'd' };
  if (unit === 'd' && count === 7) return { count: 1, unit: 'w' };
  if (unit === 'd' && count === 30) return { count: 1, unit: 'mo' };
  if (unit === 'w' && count > 1) return { count: count * 7, unit: 'd' };
  if (unit === 'mo' && count % 12 === 0) return { count: count / 12, unit: 'y' };
  return duration;
}

/** The length in milliseconds of units whose length never varies. */
export function gridMs(duration: Duration): number {
  return duration.count * UNIT_SECONDS[duration.unit] * 1000;
}
