import { driverErrorOf } from '#libs/database';
import type { GatewayError } from '#libs/kernel';

/** PostgreSQL's class 23505. */
const UNIQUE_VIOLATION = '23505';

/** The unique index a failed write ran into; undefined when it failed for another reason. */
export function violatedIndex(thrown: unknown): string | undefined {
  const { code, constraint = 'unknown' } = driverErrorOf(thrown) ?? {};
  return code === UNIQUE_VIOLATION ? constraint : undefined;
}

/**
 * What `write` resolves to; throws the refusal where it ran into this index. The index decides, not a look beforehand: between a look
 * and an insert somebody else may have come.
 */
export async function orTaken<T>(
  index: string,
  refusal: (cause: unknown) => GatewayError,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (thrown) {
    throw violatedIndex(thrown) === index ? refusal(thrown) : thrown;
  }
}
