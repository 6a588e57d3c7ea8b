import { QueryFailedError } from 'typeorm';

/** What PostgreSQL said of a statement that failed. */
interface DriverError {
  /** SQLSTATE. */
  readonly code?: string;
  readonly message?: string;
  readonly constraint?: string;
  readonly table?: string;
}

/** Undefined when it was no statement that failed. */
export function driverErrorOf(thrown: unknown): DriverError | undefined {
  return thrown instanceof QueryFailedError ? (thrown.driverError as DriverError) : undefined;
}
