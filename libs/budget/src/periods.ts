import { DateTime, FixedOffsetZone, IANAZone, type Zone } from 'luxon';
import { DAY_MS } from '#libs/kernel';
import { canonicalDuration, type Duration, findDuration, gridMs } from './duration.js';

/** Everything a period is a function of, besides the instant. */
export interface PeriodRule {
  readonly duration: string;
  /** IANA name; an unknown zone counts as UTC. */
  readonly timezone: string;
  /** When the budget was made: where periods that follow no calendar unit are counted from. */
  readonly anchorMs: number;
  /** `HH:MM[:SS]` local time at which days, weeks, months and years begin. Periods of hours and less ignore it. */
  readonly resetTime: string;
}

/** One window a budget counts in: from `startsAtMs` (inside) to `endsAtMs` (outside). */
export interface Period {
  /** `1mo@20261101T000000Z`: the duration and the start, so that a changed duration, zone or anchor never shares a counter. */
  readonly id: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** The id under which every scope's lifetime sum is kept, and that of budgets that never reset. */
export const LIFETIME = 'total';

/**
 * The period of `rule` that holds `instantMs`. Pure; periods of one rule partition time: no gap, no overlap, in every
 * zone, over DST, leap days and skipped local days. Throws RangeError for a duration that is none. Costs about 20 us:
 * the request path asks PeriodClock instead.
 */
export function periodAt(rule: PeriodRule, instantMs: number): Period {
  const written = findDuration(rule.duration);
  if (!written) throw new RangeError(`not a duration: ${rule.duration.slice(0, 32)}`);
  const duration = canonicalDuration(written);
  const zone = zoneOf(rule.timezone);
  const name = `${duration.count}${duration.unit}`;
  if (duration.unit === 's' || duration.unit === 'm' || duration.unit === 'h') {
    return onGrid(name, gridMs(duration), zone, rule.anchorMs, instantMs);
  }
  const shared = isAnchored(duration) ? undefined : `${name}|${rule.timezone}|${rule.resetTime}`;
  const known = shared === undefined ? undefined : current.get(shared);
  if (known && known.startsAtMs <= instantMs && instantMs < known.endsAtMs) return known;
  const found = onCalendar(name, boundaries(duration, zone, rule), instantMs);
  if (shared !== undefined && (known || current.size < MAX_CURRENT)) current.set(shared, found);
  return found;
}

/** Months, weeks and single days begin at the same instant for everybody: what was found last is kept for the next caller. */
const current = new Map<string, Period>();
/** Durations are written by administrators: there are few, but nothing stops them from inventing more. */
const MAX_CURRENT = 256;

function isAnchored({ unit, count }: Duration): boolean {
  return unit === 'd' && count !== 1;
}

const zones = new Map<string, Zone>();

/** Zones are made once: asking the platform whether a name is one costs 100 us and some native memory. */
function zoneOf(name: string): Zone {
  let zone = zones.get(name);
  if (!zone) {
    zone =
      name.toUpperCase() === 'UTC' || !IANAZone.isValidZone(name)
        ? FixedOffsetZone.utcInstance
        : IANAZone.create(name);
    if (zones.size < MAX_CURRENT) zones.set(name, zone);
  }
  return zone;
}

/** A fixed grid, laid so that it met the local wall clock when the budget was made (half-hour zones get whole local hours). */
function onGrid(name: string, lengthMs: number, zone: Zone, anchorMs: number, instantMs: number): Period {
  const shiftMs = DateTime.fromMillis(anchorMs, { zone }).offset * 60_000;
  const startsAtMs = Math.floor((instantMs + shiftMs) / lengthMs) * lengthMs - shiftMs;
  return period(name, startsAtMs, startsAtMs + lengthMs);
}

interface Boundaries {
  /** A period number at or near the instant. */
  near(instantMs: number): number;
  /** The instant at which period `index` begins: never decreasing in `index`. */
  startOf(index: number): number;
}

function onCalendar(name: string, { near, startOf }: Boundaries, instantMs: number): Period {
  let index = near(instantMs);
  while (startOf(index) > instantMs) index -= 1;
  // A local day that the zone skipped is a period without length; the search walks over it.
  while (startOf(index + 1) <= instantMs) index += 1;
  return period(name, startOf(index), startOf(index + 1));
}

function boundaries(duration: Duration, zone: Zone, rule: PeriodRule): Boundaries {
  const [hour, minute, second] = parseResetTime(rule.resetTime);
  /** Local midnight (or the reset time) of a day; a time inside a DST gap is the first instant after it, an ambiguous one the earlier. */
  const at = (year: number, month: number, day: number): number =>
    DateTime.fromObject({ year, month, day, hour, minute, second }, { zone }).toMillis();
  const localDayOf = (instantMs: number): number => {
    const local = DateTime.fromMillis(instantMs, { zone });
    return Date.UTC(local.year, local.month - 1, local.day) / DAY_MS;
  };
  const startOfDay = (day: number): number => {
    const date = new Date(day * DAY_MS);
    return at(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate());
  };
  if (duration.unit === 'mo' || duration.unit === 'y') {
    const months = duration.unit === 'y' ? duration.count * 12 : duration.count;
    return {
      near: (instantMs) => {
        const local = DateTime.fromMillis(instantMs, { zone });
        return Math.floor((local.year * 12 + local.month - 1) / months);
      },
      startOf: (index) => at(Math.floor((index * months) / 12), ((((index * months) % 12) + 12) % 12) + 1, 1),
    };
  }
  const days = duration.unit === 'w' ? 7 : duration.count;
  // Day 4 of the epoch was a Monday. One day needs no anchor; other lengths count from the day the budget was made.
  const origin =
    duration.unit === 'w' ? 4 : days === 1 ? 0 : anchorDay(rule.anchorMs, localDayOf, startOfDay);
  return {
    near: (instantMs) => Math.floor((localDayOf(instantMs) - origin) / days),
    startOf: (index) => startOfDay(origin + index * days),
  };
}

/** The day the budget was made, where a day begins at the reset time. */
function anchorDay(
  anchorMs: number,
  localDayOf: (ms: number) => number,
  startOfDay: (day: number) => number,
): number {
  const day = localDayOf(anchorMs);
  return startOfDay(day) > anchorMs ? day - 1 : day;
}

function parseResetTime(text: string): [number, number, number] {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  const parts: [number, number, number] = [
    Number(match?.[1] ?? 0),
    Number(match?.[2] ?? 0),
    Number(match?.[3] ?? 0),
  ];
  return parts[0] < 24 && parts[1] < 60 && parts[2] < 60 ? parts : [0, 0, 0];
}

function period(name: string, startsAtMs: number, endsAtMs: number): Period {
  const start = new Date(startsAtMs).toISOString().replace(/[-:]|\.000/g, '');
  return { id: `${name}@${start}`, startsAtMs, endsAtMs };
}
