import { Injectable } from '@nestjs/common';
import type { ActivityFacet } from '#libs/database';
import type { Principal } from '#libs/kernel';
import {
  administered,
  isPermittedInTeam,
  type MemberPermission,
  seesEverything,
  Standings,
} from '#libs/tenancy';
import { DataSource } from 'typeorm';
import type { Where } from './where.js';

/** The part of what was spent that somebody may see. What matches any member belongs to it; no member, nothing does. */
export interface View {
  readonly everything: boolean;
  /** Whose reading it is, for the database's own wall; absent where everything is in view. */
  readonly reader?: Principal;
  readonly keyId?: string;
  readonly userId?: string;
  readonly customerId?: string;
  readonly teamIds: readonly string[];
  readonly organizationIds: readonly string[];
  /** Where it is a member: it may ask for these, and sees what the rest of its view allows. */
  readonly memberOf: { readonly teamIds: readonly string[]; readonly organizationIds: readonly string[] };
}

const NOWHERE = Object.freeze({ teamIds: [], organizationIds: [] });

/** The view of whoever reads all that was spent, and of the product itself. */
export const EVERYTHING: View = Object.freeze({
  everything: true,
  teamIds: [],
  organizationIds: [],
  memberOf: NOWHERE,
});

/** Whose spend a caller may look at: its own, that of teams and organizations it administers, and what its teams permit it. */
@Injectable()
export class Views {
  constructor(
    private readonly dataSource: DataSource,
    private readonly standings: Standings,
  ) {}

  /** `permissions`: what a team has to permit its member for the whole team's spend to be in view. */
  async of(caller: Principal, ...permissions: readonly MemberPermission[]): Promise<View> {
    const standing = await this.standings.of(this.dataSource.manager, caller);
    if (seesEverything(standing)) return EVERYTHING;
    const { teamIds, organizationIds } = administered(standing);
    const permitted = [...standing.teams.keys()].filter((id) =>
      isPermittedInTeam(standing, id, ...permissions),
    );
    return {
      everything: false,
      reader: caller,
      ...ownOf(caller),
      teamIds: [...new Set([...teamIds, ...(permissions.length > 0 ? permitted : [])])],
      organizationIds,
      memberOf: { teamIds: [...standing.teams.keys()], organizationIds: [...standing.organizations.keys()] },
    };
  }
}

/** Only what is the caller's own, whatever it administers. */
export function ownView(caller: Principal): View {
  if (seesEverything(caller)) return EVERYTHING;
  return {
    everything: false,
    reader: caller,
    ...ownOf(caller),
    teamIds: [],
    organizationIds: [],
    memberOf: NOWHERE,
  };
}

/** A caller that speaks for one customer sees that customer; a person its own calls; a program without a person its key's. */
function ownOf(caller: Principal): Pick<View, 'customerId' | 'userId' | 'keyId'> {
  if (caller.customerId !== undefined) return { customerId: caller.customerId };
  if (caller.user !== undefined) return { userId: caller.user.id };
  return caller.key === undefined ? {} : { keyId: caller.key.id };
}

/** Adds the view to a query over ledger entries or daily rows: their columns have the same names. */
export function narrowToView(where: Where, view: View): void {
  if (view.everything) return;
  const any: string[] = [];
  if (view.keyId !== undefined) any.push(`key_id = ${where.parameter(view.keyId)}`);
  if (view.userId !== undefined) any.push(`user_id = ${where.parameter(view.userId)}`);
  if (view.customerId !== undefined) any.push(`customer_id = ${where.parameter(view.customerId)}`);
  if (view.teamIds.length > 0) any.push(`team_id = ANY(${where.parameter(view.teamIds)}::text[])`);
  if (view.organizationIds.length > 0)
    any.push(`organization_id = ANY(${where.parameter(view.organizationIds)}::text[])`);
  where.and(any.length === 0 ? 'false' : `(${any.join(' OR ')})`);
}

/** Which rows whole organizations, whole teams and single keys are read from: none of them has a call twice. */
export interface OwnerSums {
  readonly organization: ActivityFacet;
  readonly team: ActivityFacet;
  readonly own: ActivityFacet;
}

/** Sums that are kept beside the single keys' rows. A team's tagged calls are too unlike each other for sums of their own to be fewer. */
export const OWNER_SUMS = {
  calls: { organization: 'organization', team: 'team', own: 'key' },
  /** Of calls that had a team. */
  callsOfTeams: { organization: 'organization_teams', team: 'team', own: 'key' },
  callsByTeam: { organization: 'team', team: 'team', own: 'key' },
  /** The same whatever the model. */
  daysByTeam: { organization: 'team_days', team: 'team_days', own: 'key' },
  /** Tag by tag. */
  tagged: { organization: 'organization_tagged', team: 'tags', own: 'tags' },
  /** Whatever the tags. */
  tagging: { organization: 'organization_tagging', team: 'tags', own: 'tags' },
} as const satisfies Record<string, OwnerSums>;

/**
 * Adds the view to a query over daily rows that does not tell keys or people apart: whole organizations and teams are read from their
 * own sums, which are few, and only what the caller spent elsewhere key by key. No call is in two of the parts. `tags`: those that are asked for.
 */
export function narrowToSums(
  where: Where,
  view: View,
  sums: OwnerSums,
  tags: readonly string[] | undefined,
): void {
  const elsewhere: string[] = [];
  const parts: string[] = [];
  const add = (facet: ActivityFacet, condition: string): void => {
    parts.push([`facet = '${facet}' AND ${condition}`, ...elsewhere].join(' AND '));
  };
  if (view.organizationIds.length > 0) {
    const theirs = `organization_id = ANY(${where.parameter(view.organizationIds)}::text[])`;
    // Each of these rows has one tag, which an index knows.
    const named =
      sums.organization === 'organization_tagged' && tags !== undefined && tags.length > 0
        ? ` AND md5(tags[1]) IN (${tags.map((tag) => `md5(${where.parameter(tag)}::text)`).join(', ')})`
        : '';
    add(sums.organization, theirs + named);
    elsewhere.push(`(${theirs}) IS NOT TRUE`);
  }
  if (view.teamIds.length > 0) {
    const theirs = `team_id = ANY(${where.parameter(view.teamIds)}::text[])`;
    add(sums.team, theirs);
    elsewhere.push(`(${theirs}) IS NOT TRUE`);
  }
  if (view.keyId !== undefined) add(sums.own, `key_id = ${where.parameter(view.keyId)}`);
  if (view.userId !== undefined) add(sums.own, `user_id = ${where.parameter(view.userId)}`);
  where.and(parts.length === 0 ? 'false' : `(${parts.map((part) => `(${part})`).join(' OR ')})`);
}
