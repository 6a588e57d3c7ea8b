import { GatewayError } from '#libs/kernel';
import { driverErrorOf } from './driver-error.js';

/** Connection trouble as the socket reports it. */
const SOCKET_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);

/** SQLSTATE classes and codes that mean "not now": connection exceptions, resources, shutdown, start-up, and a server that takes no changes (a standby after a failover, or one whose disk is nearly full). */
const SERVER_CODES = /^(08|53|57P0|25006)/;

/** What the driver says, without a code, when a connection is lost or none can be had. */
const DRIVER_WORDS =
  /Connection terminated|Query read timeout|timeout exceeded when trying to connect|connection error and is not queryable|Client was closed/i;

/** PostgreSQL could not be asked by another thread, which sent words only. */
export class DatabaseAway extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/** Whether a failure means that PostgreSQL cannot be asked, rather than that it said no. */
export function isOutage(thrown: unknown): boolean {
  if (thrown instanceof DatabaseAway) return true;
  const failure: unknown = driverErrorOf(thrown) ?? thrown;
  if (!(failure instanceof Error)) return false;
  if (failure instanceof AggregateError && failure.errors.length > 0) return failure.errors.every(isOutage);
  const { code } = failure as { code?: unknown };
  if (typeof code === 'string' && (SOCKET_CODES.has(code) || SERVER_CODES.test(code))) return true;
  return DRIVER_WORDS.test(failure.message);
}

/** For a `catch`: throws an outage as what clients are told of it (503 `no_db_connection`), and everything else as it came. */
export function rethrowOutage(thrown: unknown): never {
  if (!isOutage(thrown)) throw thrown;
  throw new GatewayError('auth.store_unavailable', 'No connected db. Try again in a moment.', {
    cause: thrown,
    headers: { 'retry-after': '5' },
  });
}
