import { hash } from 'node:crypto';
import type { Config } from '#libs/config';
import type { Principal } from '#libs/kernel';
import { type CallerRecord, type KeyRecord, pinnedTagsOf } from '#libs/tenancy';
import { customerBudgetIdOf } from './caller-scopes.js';
import { compilePrincipal } from './compile-principal.js';

/** Why a caller that exists may not come in; `good` when it may. */
export type CallerStanding =
  | 'good'
  | 'key_blocked'
  | 'user_blocked'
  | 'team_missing'
  | 'team_blocked'
  | 'project_blocked'
  | 'customer_blocked';

/** One key as the vault keeps it: its principal, whether it may be used, and what it was made from. */
export class CompiledKey {
  readonly principal: Principal;
  readonly standing: CallerStanding;
  /** `noun:id` of everything a change of which makes this object wrong. */
  readonly dependencies: readonly string[];
  /** Equal for objects that mean the same: a re-read that found nothing new keeps the old one. */
  readonly fingerprint: string;
  /** When the rows were last known to be so (monotonic). */
  verifiedMs: number;
  isRefreshing = false;
  #isCurrent = true;

  constructor(record: KeyRecord, config: Config, verifiedMs: number, isFenced: () => boolean = () => false) {
    this.principal = compilePrincipal(record, config, () => this.#isCurrent && !isFenced());
    this.standing = standingOf(record);
    this.dependencies = dependenciesOf(record, config);
    this.fingerprint = fingerprintOf(this.principal, this.standing);
    this.verifiedMs = verifiedMs;
  }

  /** From now on the principal says that it is no longer current, to requests that still hold it too. */
  drop(): void {
    this.#isCurrent = false;
  }
}

/** Whether the rows let the caller in, the credential's own end apart (that is judged on each request). */
export function standingOf({ ids, key, user, team, project, customer }: CallerRecord): CallerStanding {
  if (key?.blocked === true) return 'key_blocked';
  // The member of the metadata is what an imported database says.
  const isDeactivated = user?.scimActive === false || user?.metadata['scim_active'] === false;
  if (user?.blocked === true || isDeactivated) return 'user_blocked';
  // A team that is gone took its limits with it; its keys must not outlive them.
  if (ids.teamId !== null && team === null) return 'team_missing';
  if (team?.blocked === true || team?.scimActive === false) return 'team_blocked';
  if (project?.blocked === true) return 'project_blocked';
  return customer?.blocked === true ? 'customer_blocked' : 'good';
}

/** `noun:id` of every row that was used, and of those that were looked for in vain: one may be made. */
export function dependenciesOf(record: CallerRecord, config: Config): string[] {
  const { ids, key, user, budgets, roles } = record;
  const named: [string, string | null | undefined][] = [
    ['key', key?.id],
    ['user', ids.userId],
    ['role', user !== null && roles.has(user.role) ? user.role : null],
    ['team', ids.teamId],
    ['organization', ids.organizationId],
    ['project', ids.projectId],
    ['customer', ids.customerId],
    ...pinnedTagsOf(record).map((tag): [string, string] => ['tag', tag]),
    ...[...budgets.keys()].map((id): [string, string] => ['budget', id]),
  ];
  if (ids.userId !== null) {
    if (ids.teamId !== null) named.push(['team_member', `${ids.teamId}:${ids.userId}`]);
    if (ids.organizationId !== null)
      named.push(['organization_member', `${ids.organizationId}:${ids.userId}`]);
  }
  if (ids.customerId !== null) named.push(['budget', customerBudgetIdOf(key, config)]);
  return [
    ...new Set(named.flatMap(([noun, id]) => (id === null || id === undefined ? [] : [`${noun}:${id}`]))),
  ];
}

function fingerprintOf(principal: Principal, standing: CallerStanding): string {
  const text = JSON.stringify([standing, principal], (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
  return hash('sha256', text, 'base64');
}
