import { GatewayError } from '#libs/kernel';
import type { KeyChange } from './key-settings.js';
import { violatedIndex } from './unique.js';

/** The unique index decides, not a look beforehand: between a look and an insert somebody else may have come. */
export async function orRefuseDuplicates<T>(settings: KeyChange, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (thrown) {
    refuseDuplicateKey(thrown, settings.alias ?? null);
    throw thrown;
  }
}

/** Turns a broken unique index into the refusal a caller understands; does nothing for other failures. */
export function refuseDuplicateKey(thrown: unknown, alias: string | null): void {
  const index = violatedIndex(thrown);
  if (index === 'virtual_keys_alias_key') {
    throw new GatewayError(
      'request.bad_field',
      `Key with alias '${alias ?? ''}' already exists. Aliases are unique.`,
      {
        param: 'key_alias',
        cause: thrown,
      },
    );
  }
  if (index === 'virtual_keys_token_hash_key') {
    throw new GatewayError(
      'request.bad_field',
      'This key cannot be used: choose another value, or let one be generated.',
      {
        param: 'key',
        cause: thrown,
      },
    );
  }
}

export function keyNotFound(): GatewayError {
  return new GatewayError('request.not_found', 'Key not found in database', { param: 'key' });
}
