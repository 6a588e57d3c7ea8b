import { type NanoUsd, usdNumber } from '#libs/kernel';

/** An instant as the contract writes it: microseconds, `Z`. */
export function toApiTime(date: Date | null | undefined): string | null {
  return date ? date.toISOString().replace('Z', '000Z') : null;
}

/** An amount as a JSON number of dollars, or null where there is none. */
export function toApiUsd(amount: NanoUsd | null): number | null {
  return amount === null ? null : usdNumber(amount);
}

/** Null instead of an empty list or object, where the contract writes "unset" so. */
export function orNull<T extends object>(value: T): T | null {
  return Object.keys(value).length === 0 ? null : value;
}

/** `ceil(total / size)`; no rows are no pages. */
export function pagesOf(total: number, size: number): number {
  return Math.ceil(total / size);
}
