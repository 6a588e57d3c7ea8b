import { QueryFailedError } from 'typeorm';

/** PostgreSQL's class 23505. */
const UNIQUE_VIOLATION = '23505';

/** The unique index a failed write ran into; undefined when it failed for another reason. */
export function violatedIndex(thrown: unknown): string | undefined {
  if (!(thrown instanceof QueryFailedError)) return undefined;
  const { code, constraint } = thrown.driverError as { code?: string; constraint?: string };
  return code === UNIQUE_VIOLATION ? (constraint ?? 'unknown') : undefined;
}
