import type { Principal } from '#libs/kernel';

/** A caller that nothing limits and that owns nothing, but for what a test says of it. */
export function principal(overrides: Partial<Principal> = {}): Principal {
  return {
    credential: 'virtual_key',
    role: 'internal_user',
    displayName: 'test',
    modelGrants: [],
    modelAliases: {},
    limits: [],
    budgets: [],
    spendScopes: [],
    tags: [],
    metadata: {},
    isCurrent: () => true,
    ...overrides,
  };
}
