import { DAY_MS } from '#libs/kernel';

/** How long a key lives or how often a budget starts again: `<whole number><unit>`. */
export interface Duration {
  readonly amount: number;
  readonly unit: DurationUnit;
}
export type DurationUnit = 's' | 'm' | 'h' | 'd' | 'w' | 'mo' | 'y';

const UNIT_MS: Readonly<Record<Exclude<DurationUnit, 'mo' | 'y'>, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
};

const WORDS: ReadonlyMap<string, string> = new Map([
  ['hourly', '1h'],
  ['daily', '1d'],
  ['weekly', '1w'],
  ['monthly', '1mo'],
  ['yearly', '1y'],
]);

/** A century: beyond it a date is a typing mistake, and JavaScript's and PostgreSQL's calendars begin to differ. */
const LONGEST_MS = 100 * 366 * UNIT_MS.d;

/** Reads `30d`, `1mo`, `2y` ...; undefined for anything else, zero and more than a century included. */
export function parseDuration(text: string): Duration | undefined {
  const match = /^([1-9]\d{0,9})(s|m|h|d|w|mo|y)$/.exec(text.trim());
  if (!match) return undefined;
  const duration = { amount: Number(match[1]), unit: match[2] as DurationUnit };
  return roughMs(duration) > LONGEST_MS ? undefined : duration;
}

/** Reads a budget's period: a duration, or one of the words `hourly daily weekly monthly yearly`; gives the canonical spelling. */
export function parsePeriod(text: string): string | undefined {
  const spelled = WORDS.get(text.trim()) ?? text.trim();
  return parseDuration(spelled) === undefined ? undefined : spelled;
}

/**
 * The instant `duration` after `fromMs`. Months and years are the calendar's (UTC), clamped to the last day: a month after
 * 31 January is the end of February.
 */
export function after(fromMs: number, { amount, unit }: Duration): number {
  if (unit !== 'mo' && unit !== 'y') return fromMs + amount * UNIT_MS[unit];
  const from = new Date(fromMs);
  const months = from.getUTCMonth() + (unit === 'y' ? amount * 12 : amount);
  const lastDay = new Date(Date.UTC(from.getUTCFullYear(), months + 1, 0)).getUTCDate();
  const moved = new Date(fromMs);
  moved.setUTCFullYear(from.getUTCFullYear(), months, Math.min(from.getUTCDate(), lastDay));
  return moved.getTime();
}

function roughMs({ amount, unit }: Duration): number {
  if (unit === 'mo') return amount * 30 * UNIT_MS.d;
  if (unit === 'y') return amount * 365 * UNIT_MS.d;
  return amount * UNIT_MS[unit];
}
