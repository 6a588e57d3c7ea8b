import { Injectable } from '@nestjs/common';
import { EVERYTHING, ownView, type View, Views } from '#libs/budget';
import type { Principal } from '#libs/kernel';
import { notYours } from '#libs/tenancy';
import type { ActivityAsked } from './daily-activity.js';

/**
 * Turns what somebody asks for into what they may see of it. Asking for what is not theirs is refused in the same words as
 * asking for what is not there.
 */
@Injectable()
export class ActivityScopes {
  constructor(private readonly views: Views) {}

  /** Administrators anybody's, all others their own. */
  user(caller: Principal, userId: string | undefined): ActivityAsked {
    const view = ownView(caller);
    if (!view.everything && userId !== undefined && userId !== view.userId) throw notYours('user', 'user_id');
    return { noun: 'user', view, ids: userId === undefined ? undefined : [userId] };
  }

  /** Members see their own calls in the team; administrators, and members whom the team permits it, the whole team's. */
  async team(
    caller: Principal,
    teamIds: readonly string[] | undefined,
    exceptTeams: readonly string[] | undefined,
  ): Promise<ActivityAsked> {
    const view = await this.views.of(caller, '/team/daily/activity', '/team/daily/activity/aggregated');
    const theirs = new Set([...view.memberOf.teamIds, ...view.teamIds]);
    // An organization's administrator names teams of the organization; the view holds it to those.
    const ids =
      view.everything || view.organizationIds.length > 0 ? teamIds : within(theirs, teamIds, 'team');
    return { noun: 'team', view, ids, exceptTeams };
  }

  async organization(
    caller: Principal,
    organizationIds: readonly string[] | undefined,
  ): Promise<ActivityAsked> {
    const view = await this.views.of(caller);
    const theirs = new Set([...view.memberOf.organizationIds, ...view.organizationIds]);
    const ids = view.everything ? organizationIds : within(theirs, organizationIds, 'organization');
    return { noun: 'organization', view, ids };
  }

  customer(customerIds: readonly string[] | undefined): ActivityAsked {
    return { noun: 'customer', view: EVERYTHING, ids: customerIds };
  }

  /** Tags belong to nobody: everybody sees them on calls that are in view. */
  async tag(caller: Principal, tags: readonly string[] | undefined): Promise<ActivityAsked> {
    const view: View = await this.views.of(caller);
    return { noun: 'tag', view, ids: tags };
  }
}

function within(
  theirs: ReadonlySet<string>,
  asked: readonly string[] | undefined,
  noun: string,
): readonly string[] {
  if (asked === undefined) return [...theirs];
  if (!asked.every((id) => theirs.has(id))) throw notYours(noun, `${noun}_ids`);
  return asked;
}
