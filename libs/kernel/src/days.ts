/** A day of UTC has no other length. */
export const DAY_MS = 86_400_000;

/** The day (UTC) that an instant is in: `2026-01-31`. */
export function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}
