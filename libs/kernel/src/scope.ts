/** Something that can own limits, budgets and grants. `id` is the stable id (never a key's hash, which changes on rotation). */
export interface Scope {
  readonly type: ScopeType;
  readonly id: string;
}

/** All that limits and budgets can hang on, from the widest to the narrowest for callers, and then what serves them. */
export const SCOPE_TYPES = [
  'proxy',
  'organization',
  'organization_member',
  'team',
  'team_member',
  'project',
  'user',
  'key',
  'customer',
  'tag',
  'model',
  'provider',
  'deployment',
] as const;

export type ScopeType = (typeof SCOPE_TYPES)[number];

/** The proxy itself: the one scope of its type. */
export const PROXY_SCOPE: Scope = Object.freeze({ type: 'proxy', id: 'proxy' });
