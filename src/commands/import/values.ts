import { isRecord, type NanoUsd, parseUsd } from '#libs/kernel';
import type { Note } from './omissions.js';

const MOST_DOLLARS = 1_000_000_000;
const MOST_INTEGER = 2_147_483_647;

export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.replaceAll('\0', '') : null;
}

/** A JSON object; LiteLLM keeps some of them as text, and `{}` where a list belongs. */
export function record(value: unknown): Record<string, unknown> {
  const tree = parsed(value);
  return isRecord(tree) ? { ...tree } : {};
}

export function list(value: unknown): unknown[] {
  const tree = parsed(value);
  return Array.isArray(tree) ? tree : [];
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    // A plain text where a tree belongs holds nothing that could be read.
    return undefined;
  }
}

/** Whether a value says nothing: what stands in a column that nobody used. */
export function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false || value === 0) return true;
  if (typeof value !== 'object') return false;
  return Object.keys(value).length === 0;
}

/** Its timestamps have no zone and mean UTC. */
export function instant(value: unknown): Date | null {
  if (typeof value !== 'string' || value === '') return null;
  const at = new Date(/(?:Z|[+-]\d\d:?\d\d)$/.test(value) ? value : `${value.replace(' ', 'T')}Z`);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** A cap in dollars. What is no amount becomes 0, which blocks: a limit that somebody meant must not vanish. */
export function cap(value: unknown, what: string, note: Note): NanoUsd | null {
  if (value === null || value === undefined) return null;
  const amount = Number(value);
  if (amount > MOST_DOLLARS) {
    note(`${what} is more than a billion dollars and becomes a billion`);
    return parseUsd(MOST_DOLLARS);
  }
  if (Number.isFinite(amount) && amount >= 0) return parseUsd(amount);
  note(`${what} is not an amount and becomes 0, which blocks`);
  return 0n;
}

/** What was spent: never negative, never refused. */
export function spent(value: unknown): NanoUsd {
  const amount = Number(value ?? 0);
  return Number.isFinite(amount) && amount > 0 ? parseUsd(Math.min(amount, MOST_DOLLARS)) : 0n;
}

/** A whole-number limit; negative ones block. */
export function count(value: unknown, most: number = MOST_INTEGER): number | null {
  if (value === null || value === undefined || value === '') return null;
  const number = Number(value);
  return Number.isNaN(number) ? 0 : Math.min(Math.max(0, Math.trunc(number)), most);
}

/** Counts by name (`model_rpm_limit`). */
export function counts(value: unknown): Record<string, number> {
  const entries = Object.entries(record(value)).map(
    ([name, one]) => [name, count(one, Number.MAX_SAFE_INTEGER)] as const,
  );
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, number] => entry[1] !== null));
}
