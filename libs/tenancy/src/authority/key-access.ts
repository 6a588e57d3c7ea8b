import type { Team, VirtualKey } from '#libs/database';
import { seesEverything } from '../authority.js';
import { LLM_ONLY } from './key-columns.js';
import { isPermittedInTeam, type MemberPermission } from './member-permissions.js';
import { notYours } from './refusals.js';
import { administersOrganization, mayWrite, type Standing } from './standing.js';

export type KeyAction =
  'update' | 'update_with_team' | 'delete' | 'regenerate' | 'block' | 'unblock' | 'reset_spend';

/** In which capacity somebody acts on a key, the strongest that applies. */
export type KeyCapacity = 'proxy_admin' | 'org_admin' | 'team_admin' | 'owner' | 'member';

/** A key, or one about to be made, with what decides whose it is. */
export interface KeyPlace {
  readonly key: Pick<VirtualKey, 'id' | 'userId' | 'teamId' | 'organizationId'>;
  /** The key's team; null when it has none, or one that does not exist. */
  readonly team: Team | null;
}

/** What an operator lets administrators of teams change (`team_admin_editable_team_fields`). */
export interface TeamAdminGrants {
  readonly editableFields: readonly string[];
}

const PERMISSIONS: Readonly<Record<KeyAction, readonly MemberPermission[]>> = {
  update: ['/key/update'],
  update_with_team: ['/key/update', '/team/key/bulk_update'],
  delete: ['/key/delete'],
  regenerate: ['/key/regenerate', '/key/{key_id}/regenerate'],
  block: ['/key/block'],
  unblock: ['/key/unblock'],
  reset_spend: ['/key/{key_id}/reset_spend'],
};
/** Blocking is a measure against the owner; unblocking and a spend of zero would be gifts to oneself. */
const OWNERS_MAY: ReadonlySet<KeyAction> = new Set(['update', 'update_with_team', 'delete', 'regenerate']);
/** In which capacity somebody may do this to the key; undefined: in none. */
export function capacityOverKey(
  standing: Standing,
  action: KeyAction,
  { key, team }: KeyPlace,
): KeyCapacity | undefined {
  if (standing.role === 'proxy_admin') return 'proxy_admin';
  if (!mayWrite(standing)) return undefined;
  // A key of one organization in a team of another is both's: neither administers it alone.
  const organizations = new Set(
    [key.organizationId, team?.organizationId ?? null].filter((id) => id !== null),
  );
  if (organizations.size > 0 && [...organizations].every((id) => administersOrganization(standing, id)))
    return 'org_admin';
  if (team !== null && standing.teams.get(team.id)?.role === 'admin') return 'team_admin';
  if (isOwn(standing, key) && OWNERS_MAY.has(action)) return 'owner';
  return team !== null && isPermittedInTeam(standing, team.id, ...PERMISSIONS[action]) ? 'member' : undefined;
}

/** The same, refusing with the family's one answer for "not yours" and "not there". `place` undefined: there is no such key. */
export function assertMayActOnKey(
  standing: Standing,
  action: KeyAction,
  place: KeyPlace | undefined,
): KeyCapacity {
  const capacity = place === undefined ? undefined : capacityOverKey(standing, action, place);
  if (capacity !== undefined) return capacity;
  throw notYours('key', 'key');
}

/** Whether somebody may look at a key: its own, its owner's, and in a team those whom the team lets. */
export function maySeeKeyOf(standing: Standing, { key, team }: KeyPlace): boolean {
  if (seesEverything(standing) || standing.keyId === key.id || isOwn(standing, key)) return true;
  if (administersOrganization(standing, key.organizationId ?? team?.organizationId)) return true;
  return key.teamId !== null && isPermittedInTeam(standing, key.teamId, '/key/info');
}

/** Refuses to hand the secret of a key to somebody who could act as its user with it, or through a route that only it opens. */
export function assertMayHoldSecret(standing: Standing, key: VirtualKey): void {
  if (standing.role === 'proxy_admin' || isOwn(standing, key)) return;
  const isPlain = key.allowedRoutes.every((route) => !route.startsWith('/'));
  const isLlmOnly =
    key.allowedRoutes.length > 0 && key.allowedRoutes.every((route) => LLM_ONLY.includes(route));
  if (isLlmOnly || (key.userId === null && isPlain)) return;
  throw notYours('key', 'key');
}

/** Whether the key is the person's own. */
export function isOwn(standing: Standing, key: Pick<VirtualKey, 'userId'>): boolean {
  return standing.userId !== undefined && standing.userId === key.userId;
}
