import type { Standing } from './standing.js';

/** What a team can permit its members, in the contract's words: the paths of the routes. */
export const MEMBER_PERMISSIONS = [
  '/key/generate',
  '/key/update',
  '/key/delete',
  '/key/info',
  '/key/health',
  '/key/regenerate',
  '/key/service-account/generate',
  '/key/{key_id}/regenerate',
  '/key/list',
  '/key/block',
  '/key/unblock',
  '/key/bulk_update',
  '/key/aliases',
  '/key/{key_id}/reset_spend',
  '/key/access_group_assignment',
  '/team/key/bulk_update',
  '/team/daily/activity',
  '/team/daily/activity/aggregated',
  '/spend/logs',
  '/spend/logs/v2',
  '/auto_router/manage',
] as const;
export type MemberPermission = (typeof MEMBER_PERMISSIONS)[number];

/** What every member may, whatever the team says. */
export const ALWAYS_PERMITTED: readonly MemberPermission[] = ['/key/info', '/key/health'];

/** Whether a member of the team may do one of the things; administrators of it always may. */
export function isPermittedInTeam(
  { teams }: Standing,
  teamId: string,
  ...wanted: readonly MemberPermission[]
): boolean {
  const membership = teams.get(teamId);
  if (membership === undefined) return false;
  if (membership.role === 'admin') return true;
  const granted = membership.memberPermissions ?? [];
  return wanted.some((each) => granted.includes(each) || ALWAYS_PERMITTED.includes(each));
}
