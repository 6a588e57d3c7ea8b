import {
  Budget,
  lockName,
  Organization,
  Project,
  type Team,
  TeamMember,
  type VirtualKey,
} from '#libs/database';
import { GatewayError } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { boundOf, widerPower } from './authority/powers.js';

/** What a key is checked against, besides who asks. */
export interface KeySurroundings {
  /** Null when the key names no team, or one that does not exist. */
  readonly team: Team | null;
}

/**
 * Checks what a key points at, for everybody, administrators included: a budget, a project or an organization that does
 * not exist is a typing mistake, and a key that counts in two organizations would count in neither. Users and teams may
 * be named before they exist. `before` undefined: the key is new.
 */
export async function assertReferences(
  manager: EntityManager,
  before: VirtualKey | undefined,
  after: VirtualKey,
  { team }: KeySurroundings,
): Promise<void> {
  if (after.budgetId !== null && after.budgetId !== before?.budgetId)
    await assertBudget(manager, after.budgetId, 'budget_id');
  if (after.customerBudgetId !== null && after.customerBudgetId !== before?.customerBudgetId)
    await assertBudget(manager, after.customerBudgetId, 'end_user_budget_id');
  if (after.organizationId !== null && after.organizationId !== before?.organizationId)
    await assertOrganization(manager, after.organizationId, team);
  if (after.projectId !== (before?.projectId ?? null)) await assertProject(manager, before, after);
  if (before !== undefined && after.teamId !== before.teamId && team !== null)
    await assertFits(manager, after, team);
  await assertGuaranteed(manager, before, after, team);
}

/** Throws 400 when there is no such row of `budgets`. */
export async function assertBudget(manager: EntityManager, id: string, param: string): Promise<void> {
  if (await manager.existsBy(Budget, { id })) return;
  throw badField(param, `Budget with id '${id}' does not exist. Make it with /budget/new.`);
}

async function assertOrganization(manager: EntityManager, id: string, team: Team | null): Promise<void> {
  if (!(await manager.existsBy(Organization, { id })))
    throw badField('organization_id', `Organization '${id}' does not exist.`);
  if (team !== null && team.organizationId !== null && team.organizationId !== id)
    throw badField('organization_id', 'The team of this key belongs to another organization.');
}

async function assertProject(
  manager: EntityManager,
  before: VirtualKey | undefined,
  after: VirtualKey,
): Promise<void> {
  if (after.projectId === null) return;
  if (before !== undefined && before.projectId !== null)
    throw badField('project_id', 'A key can leave its project, but not change to another.');
  const project = await manager.findOneBy(Project, { id: after.projectId });
  if (project === null) throw badField('project_id', `Project '${after.projectId}' does not exist.`);
  if (after.teamId !== project.teamId)
    throw badField('project_id', "A key of a project has the project's team: send its team_id.");
}

/** A key that comes into a team has to fit there: models, limits, and its user has to be a member. */
async function assertFits(manager: EntityManager, key: VirtualKey, team: Team): Promise<void> {
  const { models, rpmLimit, tpmLimit } = boundOf(team);
  const wider = widerPower(
    {
      ...(key.models.length > 0 && { models }),
      ...(key.rpmLimit !== null && { rpmLimit }),
      ...(key.tpmLimit !== null && { tpmLimit }),
    },
    key,
  );
  if (wider !== undefined)
    throw forbidden(wider, `The key does not fit into team ${team.id}: its ${wider} is over the team's.`);
  if (key.userId === null) return;
  if (!(await manager.existsBy(TeamMember, { teamId: team.id, userId: key.userId })))
    throw forbidden('team_id', `User ${key.userId} is not a member of team ${team.id}.`);
}

/** Guaranteed limits of a team's keys may not promise more than the team has; who promises waits for who promised. */
async function assertGuaranteed(
  manager: EntityManager,
  before: VirtualKey | undefined,
  after: VirtualKey,
  team: Team | null,
): Promise<void> {
  if (team === null) return;
  const promises = [
    ['rpm_limit', 'rpmLimit', 'rpmLimitType', team.rpmLimit],
    ['tpm_limit', 'tpmLimit', 'tpmLimitType', team.tpmLimit],
  ] as const;
  for (const [column, limit, type, most] of promises) {
    const amount = after[limit];
    if (most === null || amount === null || after[type] !== GUARANTEED) continue;
    const isSame =
      before?.[limit] === amount && before[type] === GUARANTEED && before.teamId === after.teamId;
    if (isSame) continue;
    await lockName(manager, `guaranteed:${team.id}`);
    const rows: { promised: string }[] = await manager.query(
      `SELECT coalesce(sum(${column}), 0) AS promised FROM virtual_keys WHERE team_id = $1 AND id <> $2 AND ${column}_type = $3`,
      [team.id, after.id, GUARANTEED],
    );
    const promised = Number(rows[0]?.promised ?? 0);
    if (promised + amount <= most) continue;
    throw badField(
      column,
      `Keys of this team are guaranteed ${promised} of its ${column} of ${most}; ${amount} more cannot be guaranteed.`,
    );
  }
}

const GUARANTEED = 'guaranteed_throughput';

function badField(param: string, message: string): GatewayError {
  return new GatewayError('request.bad_field', message, { param });
}

function forbidden(param: string, message: string): GatewayError {
  return new GatewayError('rbac.forbidden', message, { param });
}
