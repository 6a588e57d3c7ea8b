import type { Project, Team, User, VirtualKey } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { after as instantAfter, parseDuration } from '../duration.js';
import { assertFits } from './fits.js';
import { isOwn, type KeyCapacity, type TeamAdminGrants } from './key-access.js';
import {
  changed,
  changedPart,
  GOVERNING_METADATA,
  LLM_ONLY,
  MONEY_COLUMNS,
  refuseReserved,
  refuseRoutes,
} from './key-columns.js';
import { isPermittedInTeam } from './member-permissions.js';
import { type Bound, inherited, widerPower } from './powers.js';
import { fieldForbidden, memberPermissionMissing, notYours, tooWide } from './refusals.js';
import { administersOrganization, capacityInTeam, mayWrite, type Standing } from './standing.js';

/** Facts a judgement of a key's change is made from, besides the rows themselves. */
export interface KeyJudgement {
  readonly standing: Standing;
  /** The team the key will be in. */
  readonly team: Team | null;
  /** The row of the user the key will be of; null: none, or not there. */
  readonly user: User | null;
  /** Whether that user is in that team. */
  readonly isMember: boolean;
  /** The project the key will be in; null: none, or not there. */
  readonly project: Project | null;
  /** The row of the key that the caller came with; null: another credential. */
  readonly callingKey: VirtualKey | null;
  readonly grants: TeamAdminGrants;
  readonly nowMs: number;
}

/**
 * Judges a key about to be made, by its columns. Returns the columns to write with them: what it inherits from the key it is
 * made with, and what keeps its secret from being more than a key. Throws the refusal in the contract's words.
 */
export function judgeNewKey(columns: Partial<VirtualKey>, judgement: KeyJudgement): Partial<VirtualKey> {
  const { standing, callingKey, user, team } = judgement;
  if (standing.role === 'proxy_admin') return {};
  const draft: KeyDraft = { ...NOTHING, ...columns };
  const capacity = assertMayMake(draft, judgement);
  refuseReserved({}, draft);
  refuseRoutes([], draft.allowedRoutes, callingKey?.allowedRoutes ?? []);
  const made: Partial<VirtualKey> = {
    ...(callingKey === null ? {} : inheritedFrom(callingKey, draft)),
    ...(draft.teamId === null && draft.organizationId === null ? homeOf(judgement) : {}),
    // Whoever sees the secret could act as its user; with models alone there is nothing to act with.
    ...(isOwn(standing, draft) || draft.userId === null ? {} : { allowedRoutes: [...LLM_ONLY] }),
  };
  const latest = capacity === 'member' ? latestExpiry(team, judgement.nowMs) : null;
  if (latest !== null) made.expiresAt = earlier(latest, made.expiresAt ?? draft.expiresAt);
  const whole: Bound = { ...draft, ...made };
  if (callingKey !== null) refuseWider(callingKey, whole, 'the calling key');
  if (
    draft.teamId === null &&
    typeof user?.maxBudgetNano === 'bigint' &&
    typeof whole.maxBudgetNano === 'bigint'
  )
    refuseWider({ maxBudgetNano: user.maxBudgetNano }, whole, 'the user');
  assertFits(whole, team, 'team');
  return made;
}

/** Judges a change of a key by its rows before and after. `capacity` comes from `assertMayActOnKey`. */
export function judgeKeyChange(
  capacity: KeyCapacity,
  before: VirtualKey,
  after: VirtualKey,
  judgement: KeyJudgement,
): void {
  if (capacity === 'proxy_admin') return;
  const { standing, grants, team } = judgement;
  refuseReserved(before, after);
  const isManager = capacity === 'org_admin' || capacity === 'team_admin';
  if (changed(before, after, MONEY_COLUMNS)) {
    if (!isManager) {
      throw new GatewayError(
        'rbac.forbidden',
        'Only proxy admins, team admins, or org admins can call this with a budget or a spend.',
        { param: 'max_budget' },
      );
    }
    const isOthers = before.userId !== null && !isOwn(standing, before);
    if (capacity === 'team_admin' && isOthers && !grants.editableFields.includes('member_key_budgets'))
      throw fieldForbidden('max_budget', 'of another member is not open to team administrators.');
  }
  if (before.blocked && !after.blocked && !isManager)
    throw fieldForbidden('blocked', 'can only be lifted by an administrator.');
  if (before.userId !== after.userId)
    throw fieldForbidden('user_id', 'can only be changed by a proxy administrator.');
  if (before.projectId !== after.projectId && !isManager)
    throw fieldForbidden('project_id', 'can only be changed by an administrator.');
  assertProjectInTeam(after, judgement);
  refuseRoutes(before.allowedRoutes, after.allowedRoutes, before.allowedRoutes);
  if (before.teamId !== after.teamId || before.organizationId !== after.organizationId) {
    assertMayMove(before, after, judgement);
    assertFits(after, team, 'team');
  }
  // An owner's word narrows; an administrator's is bounded by the team.
  if (isManager) assertFits(changedPart(before, after), team, 'team');
  else refuseWider(before, after, 'its grant');
}

type KeyDraft = Partial<VirtualKey> & typeof NOTHING;

const NOTHING = {
  userId: null as string | null,
  teamId: null as string | null,
  organizationId: null as string | null,
  projectId: null as string | null,
  serviceAccountId: null as string | null,
  models: [] as string[],
  allowedRoutes: [] as string[],
  tags: [] as string[],
  metadata: {} as Record<string, unknown>,
  expiresAt: null as Date | null,
};

function assertMayMake(draft: KeyDraft, judgement: KeyJudgement): KeyCapacity {
  const { standing, team, user, isMember } = judgement;
  if (!mayWrite(standing)) throw notYours('key', 'key');
  const capacity = makerCapacity(draft, standing, team);
  assertProjectInTeam(draft, judgement);
  if (isOwn(standing, draft)) return capacity;
  const isManager = capacity === 'org_admin' || capacity === 'team_admin';
  if (draft.userId === null && (isManager || (capacity === 'member' && draft.serviceAccountId !== null)))
    return capacity;
  const isPlainUser = user?.role === 'internal_user' || user?.role === 'internal_user_viewer';
  if (isManager && draft.teamId !== null && isMember && isPlainUser) return capacity;
  throw new GatewayError('rbac.forbidden', 'User can only create keys for themselves.', { param: 'user_id' });
}

function assertProjectInTeam(
  { projectId, teamId }: Pick<VirtualKey, 'projectId' | 'teamId'>,
  { project }: KeyJudgement,
): void {
  if (projectId === null) return;
  if (teamId === null || project === null || project.teamId !== teamId)
    throw notYours('project', 'project_id');
}

/** Powers, and with them what governs a key without being a power: the default budget, the customers' budget, governing metadata. */
function inheritedFrom(callingKey: VirtualKey, draft: KeyDraft): Partial<VirtualKey> {
  const governing = GOVERNING_METADATA.filter((member) => callingKey.metadata[member] !== undefined);
  return {
    ...(inherited(callingKey, draft) as Partial<VirtualKey>),
    ...(callingKey.budgetId === null ? {} : { budgetId: callingKey.budgetId }),
    ...(callingKey.customerBudgetId === null ? {} : { customerBudgetId: callingKey.customerBudgetId }),
    ...(governing.length === 0
      ? {}
      : {
          metadata: {
            ...draft.metadata,
            ...Object.fromEntries(governing.map((member) => [member, callingKey.metadata[member]])),
          },
        }),
  };
}

/** Personal keys of an organization's people count for the organization. */
function homeOf({ standing, callingKey }: KeyJudgement): Partial<VirtualKey> {
  const own = callingKey?.teamId === null ? callingKey.organizationId : null;
  return { organizationId: own ?? standing.homeOrganizationId };
}

/** `team_member_key_duration`: the longest that a member's key lives. */
function latestExpiry(team: Team | null, nowMs: number): Date | null {
  const duration = team?.memberKeyDuration ? parseDuration(team.memberKeyDuration) : undefined;
  return duration === undefined ? null : new Date(instantAfter(nowMs, duration));
}

function earlier(one: Date, other: Date | null): Date {
  return other === null || one.getTime() < other.getTime() ? one : other;
}

/** A key that calls models for a team needs a standing in the team; one without needs a person. */
function makerCapacity(draft: KeyDraft, standing: Standing, team: Team | null): KeyCapacity {
  if (draft.teamId === null) {
    if (draft.organizationId === null) return 'owner';
    if (administersOrganization(standing, draft.organizationId)) return 'org_admin';
    if (standing.organizations.has(draft.organizationId)) return 'owner';
    throw notYours('organization', 'organization_id');
  }
  const capacity = team === null ? undefined : capacityInTeam(standing, team);
  const isInside = draft.organizationId === null || draft.organizationId === team?.organizationId;
  if (team === null || (capacity === undefined && !standing.teams.has(team.id)) || !isInside)
    throw notYours('team', 'team_id');
  if (capacity !== undefined) return capacity;
  const permission = draft.serviceAccountId === null ? '/key/generate' : '/key/service-account/generate';
  if (!isPermittedInTeam(standing, team.id, permission)) throw memberPermissionMissing(permission);
  return 'member';
}

/** Out of a place one has to be able to take it, and into a place one has to be able to make it there. */
function assertMayMove(
  before: VirtualKey,
  after: VirtualKey,
  { standing, team, isMember }: KeyJudgement,
): void {
  const into = team === null ? undefined : capacityInTeam(standing, team);
  const isInside = after.organizationId === null || after.organizationId === team?.organizationId;
  // A key that leaves its organization or its team for none would leave their limits behind.
  if (after.teamId === null || into === undefined || !isInside) throw notYours('team', 'team_id');
  if (before.organizationId !== null && !administersOrganization(standing, before.organizationId))
    throw fieldForbidden('organization_id', 'can only be changed by an administrator of the organization.');
  if (after.userId !== null && !isMember)
    throw fieldForbidden('team_id', "needs the key's user as a member.");
}

function refuseWider(bound: Bound, wanted: Bound, whose: string): void {
  const field = widerPower(bound, wanted);
  if (field !== undefined) throw tooWide(field, whose);
}
