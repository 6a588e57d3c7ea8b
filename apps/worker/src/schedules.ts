/** The one queue of the worker: everything in it is small, and one process does it at a time. */
export const MAINTENANCE_QUEUE = 'maintenance';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Everything that repeats, and how often. Nothing here is needed for a request to be decided rightly; it makes things visible, or tidies up. */
export const SCHEDULES = {
  /** History rows and shown reset times of budgets whose period has ended. */
  'budget.close-due-periods': 30 * SECOND,
  /** Tables for the days to come, before the first entry of the day wants one. */
  'ledger.make-partitions': HOUR,
  /** Rows of days that are over, into an order in which reports read few pages. */
  'activity.lay-out-days': HOUR,
  /** Change events that every process has had long enough to read. */
  'changes.clean-up': 5 * MINUTE,
  /** Spend records of processes that died on this data directory. */
  'ledger.adopt-orphans': 30 * SECOND,
  /** Soft budgets that stand alone. */
  'alerts.tell-soft-budgets': MINUTE,
  /** Alerts on their way to people. */
  'alerts.deliver': 2 * SECOND,
  /** New secrets for keys that rotate by themselves, and the end of graces. */
  'keys.rotate-due': MINUTE,
  /** Rows for the SQLite file, when `database_url` named one. */
  'requests.mirror-to-sqlite': 2 * SECOND,
  /** Days of the request log and of prompts that are kept no longer. */
  'retention.drop-days': HOUR,
} as const satisfies Record<`${string}.${string}`, number>;

export type ScheduleName = keyof typeof SCHEDULES;

export function isScheduleName(name: string): name is ScheduleName {
  return Object.hasOwn(SCHEDULES, name);
}
