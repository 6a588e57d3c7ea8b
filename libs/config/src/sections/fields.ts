import { z } from 'zod';
import { isRecord } from '#libs/kernel';

/**
 * The kinds of value a setting can have. Text that came from the environment counts as the boolean or number it spells,
 * because `os.environ/NAME` can only bring text.
 */

const spelledNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^[+-]?\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?$/.test(value.trim())
    ? Number(value.trim().replaceAll('_', ''))
    : value;

const spelledBoolean = (value: unknown): unknown => {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : undefined;
  return word === 'true' ? true : word === 'false' ? false : value;
};

export const flag = z.preprocess(spelledBoolean, z.boolean());

export const text = z.string().trim().min(1, 'expected some text, got none');

/** A count of something: a whole number, zero included. */
export const count = z.preprocess(spelledNumber, z.int().nonnegative());

export const positiveCount = z.preprocess(spelledNumber, z.int().positive());

/** Seconds, fractions allowed. At most a year: longer is a slip of the unit. */
export const seconds = z.preprocess(
  spelledNumber,
  z.number().nonnegative().max(31_536_000, 'expected seconds, at most one year'),
);

export const secondsAsMs = seconds.transform((value) => Math.round(value * 1000));

/** Dollars: finite, never negative, at most a billion. */
export const dollars = z.preprocess(
  spelledNumber,
  z.number().nonnegative().max(1e9, 'expected dollars, at most a billion'),
);

/** A list, or one text with commas between. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.preprocess(
    (value) =>
      typeof value === 'string'
        ? value
            .split(',')
            .map((part) => part.trim())
            .filter((part) => part !== '')
        : value,
    z.array(item),
  );

export const textList = listOf(text);

/** `[{group: [targets]}, ...]`, or the same as one mapping: group -> targets in order. A later entry for a group replaces an earlier one. */
export const fallbackMap = z
  .preprocess((value) => (isRecord(value) ? [value] : value), z.array(z.record(z.string(), z.array(text))))
  .transform((entries) => Object.fromEntries(entries.flatMap((entry) => Object.entries(entry))));

const DURATION_WORDS = new Set(['hourly', 'daily', 'weekly', 'monthly', 'yearly']);

/** `30d`, `1mo`, `daily`: how long a budget's period is. */
export const duration = z
  .string()
  .trim()
  .refine((value) => DURATION_WORDS.has(value) || /^[1-9]\d{0,5}(?:s|m|h|d|w|mo|y)$/.test(value), {
    error: 'expected a duration such as 30d, 12h, 1mo or daily',
  });
