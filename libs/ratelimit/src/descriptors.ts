import { type Scope, SCOPE_TYPES, type ScopeType } from '#libs/kernel';
import type { Claim } from '#libs/counters';

/** What clients of the drop-in contract call a scope, in headers and messages. Scopes that are ours alone are not told. */
const DESCRIPTORS: Readonly<Partial<Record<ScopeType, string>>> = {
  proxy: 'proxy',
  organization: 'organization',
  organization_member: 'organization_member',
  team: 'team',
  team_member: 'team_member',
  project: 'project',
  user: 'user',
  key: 'api_key',
  customer: 'end_user',
  tag: 'tag',
  model: 'model_per_key',
};

/** A model's limit belongs to somebody: `model_per_key`, `model_per_team`, ... */
const OF_MODEL: ReadonlyMap<string, string> = new Map(SCOPE_TYPES.map((type) => [type, `model_per_${type}`]));

/** The name of the scope in headers and messages; undefined for scopes that are ours alone. */
export function descriptorOf({ type, id }: Scope): string | undefined {
  if (type === 'tag' && id.includes('\0')) return 'tag_per_key';
  if (type !== 'model') return DESCRIPTORS[type];
  return OF_MODEL.get(id.slice(0, id.indexOf(':'))) ?? DESCRIPTORS.model;
}

export type Dimension = 'requests' | 'tokens' | 'max_parallel_requests';

export function dimensionOf(claim: Claim): Dimension {
  if (claim.kind === 'gauge') return 'max_parallel_requests';
  return claim.kind !== 'money' && claim.measure !== 'requests' ? 'tokens' : 'requests';
}

const LONGEST_SHOWN_ID = 96;

/**
 * A scope's id as it may be shown to its caller. Stable ids are no secrets; anything that looks like a digest is cut to
 * its last four characters, and what could break a header or a terminal is left out (customer ids are caller-chosen).
 */
export function shownId(scope: Scope): string {
  // Which upstreams there are is nobody's business outside.
  if (scope.type === 'deployment' || scope.type === 'provider') return 'upstream';
  const printable = scope.id
    .replace('\0', ':')
    .replace(/[^\x20-\x7e]+/g, '')
    .slice(0, LONGEST_SHOWN_ID);
  return /^(?:[0-9a-f]{32,}|sk-.*)$/i.test(printable) ? `...${printable.slice(-4)}` : printable;
}
