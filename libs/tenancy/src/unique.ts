import { driverErrorOf } from '#libs/database';

/** PostgreSQL's class 23505. */
const UNIQUE_VIOLATION = '23505';

/** The unique index a failed write ran into; undefined when it failed for another reason. */
export function violatedIndex(thrown: unknown): string | undefined {
  const { code, constraint = 'unknown' } = driverErrorOf(thrown) ?? {};
  return code === UNIQUE_VIOLATION ? constraint : undefined;
}
