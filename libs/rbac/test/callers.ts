import type { CredentialKind, Principal, Role } from '#libs/kernel';
import { principal } from '../../../test/harness/caller.js';

export interface CallerTraits {
  readonly credential?: CredentialKind;
  readonly role?: Role;
  readonly userId?: string;
  readonly keyAlias?: string;
  readonly allowedRoutes?: readonly string[];
  readonly grants?: Principal['modelGrants'];
  readonly aliases?: Readonly<Record<string, string>>;
}

/** A virtual key's caller with what a test cares about. */
export function callerWith(traits: CallerTraits = {}): Principal {
  return principal({
    credential: traits.credential ?? 'virtual_key',
    role: traits.role ?? 'internal_user',
    displayName: 'key_1',
    key: {
      id: 'key_1',
      hash: 'a'.repeat(64),
      maskedName: 'sk-...abcd',
      ...(traits.keyAlias === undefined ? {} : { alias: traits.keyAlias }),
      ...(traits.allowedRoutes === undefined ? {} : { allowedRoutes: traits.allowedRoutes }),
    },
    ...(traits.userId === undefined ? {} : { user: { id: traits.userId } }),
    modelGrants: traits.grants ?? [],
    modelAliases: traits.aliases ?? {},
  });
}
