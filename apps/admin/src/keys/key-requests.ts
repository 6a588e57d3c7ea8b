import type { Config } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { hashOfNamed, hashRawKey, type KeySecret, type KeysNamed } from '#libs/tenancy';
import type { NamedKeysBody } from './keys.schemas.js';

/** The keys a body names, and the names as they were sent; `keys` win over aliases, the list over the single key. */
export function namedBy(body: NamedKeysBody): [KeysNamed, readonly string[]] {
  const keys = body.keys?.length ? body.keys : body.key ? [body.key] : undefined;
  if (keys) return [{ hashes: keys.map(hashOfNamed) }, keys];
  const aliases = body.key_aliases ?? [];
  return [{ aliases }, aliases];
}

/** The secret a request asks for. Throws when a chosen key is not allowed, too short to be safe, or is the master key itself. */
export function secretFor(custom: string | null | undefined, config: Config, param: string): KeySecret {
  if (!custom) return { randomBytes: config.keys.generatedLength };
  if (!config.keys.allowCustom) {
    throw new GatewayError(
      'rbac.forbidden',
      'Custom API key values are disabled. Leave it out to get a generated one.',
      { param },
    );
  }
  if (custom.length < config.keys.minimumCustomLength) {
    const message = `'${param}' must have at least ${config.keys.minimumCustomLength} characters.`;
    throw new GatewayError('request.bad_field', message, { param });
  }
  const master = config.auth.masterKey?.reveal();
  if (master !== undefined && hashRawKey(master) === hashRawKey(custom)) {
    throw new GatewayError(
      'request.bad_field',
      'This key cannot be used: choose another value, or let one be generated.',
      { param },
    );
  }
  return { custom };
}
