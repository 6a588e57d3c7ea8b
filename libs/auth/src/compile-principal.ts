import type { Config } from '#libs/config';
import {
  type NanoUsd,
  type Principal,
  PROXY_SCOPE,
  type Role,
  ROLES,
  type Scope,
  type ScopeBudget,
  type ScopeLimit,
} from '#libs/kernel';
import type { KeyRecord } from '#libs/tenancy';

/** Words in a model list that lift the restriction instead of naming a model. */
const EVERYTHING: ReadonlySet<string> = new Set(['*', 'all-proxy-models']);

/**
 * Everything a key's caller may do and spend, resolved once from its rows and the configuration, so that no request looks
 * anything up again. Pure: the same rows give the same principal. `isCurrent` is what the principal answers about itself.
 */
export function compilePrincipal(
  record: KeyRecord,
  config: Config,
  isCurrent: () => boolean = () => true,
): Principal {
  const { key, user, team } = record;
  const keyScope: Scope = { type: 'key', id: key.id };
  const teamScope: Scope | undefined = key.teamId === null ? undefined : { type: 'team', id: key.teamId };
  const userScope: Scope | undefined = key.userId === null ? undefined : { type: 'user', id: key.userId };
  const organizationId = key.organizationId ?? team?.organizationId ?? undefined;
  const tags = [...new Set([...key.tags, ...(team?.tags ?? [])])];
  const userBudgetCounts = teamScope === undefined || config.budgets.applyUserBudgetToTeamKeys;
  return Object.freeze({
    credential: 'virtual_key',
    role: roleOf(record),
    displayName: key.id,
    key: {
      id: key.id,
      hash: key.tokenHash,
      ...(key.alias === null ? {} : { alias: key.alias }),
      maskedName: key.maskedName,
      ...(key.allowedRoutes.length === 0 ? {} : { allowedRoutes: key.allowedRoutes }),
    },
    ...(userScope === undefined
      ? {}
      : { user: { id: userScope.id, ...(user?.email ? { email: user.email } : {}) } }),
    ...(teamScope === undefined ? {} : { team: teamOf(record, teamScope.id) }),
    ...(organizationId === undefined ? {} : { organizationId }),
    ...(key.projectId === null ? {} : { projectId: key.projectId }),
    ...(key.customerId === null ? {} : { customerId: key.customerId }),
    modelGrants: modelGrantsOf(record, keyScope, teamScope, userScope),
    // The key's own word counts before its team's.
    modelAliases: { ...team?.modelAliases, ...key.aliases },
    limits: [
      ...limitOf(keyScope, key),
      ...limitOf(teamScope, team),
      ...limitOf(userScope, user),
      ...proxyLimits(config),
    ],
    budgets: [
      ...budgetOf(keyScope, key),
      ...budgetOf(teamScope, team),
      ...(userBudgetCounts ? budgetOf(userScope, user) : []),
      ...proxyBudgets(config),
    ],
    spendScopes: [
      keyScope,
      ...scopes('user', key.userId),
      ...scopes('team', key.teamId),
      ...(teamScope && userScope ? scopes('team_member', `${teamScope.id}:${userScope.id}`) : []),
      ...scopes('organization', organizationId),
      ...scopes('project', key.projectId),
      ...scopes('customer', key.customerId),
      ...tags.flatMap((tag) => scopes('tag', tag)),
      PROXY_SCOPE,
    ],
    tags,
    metadata: key.metadata,
    ...(key.expiresAt === null ? {} : { expiresAtMs: key.expiresAt.getTime() }),
    isCurrent,
  } satisfies Principal);
}

/** A key is as powerful as its user. Without a user it calls models and reads about itself, no more; pinned to a customer, it is that customer's whoever made it. */
function roleOf({ key, user }: KeyRecord): Role {
  if (key.customerId !== null) return 'customer';
  if (user === null) return 'team';
  return ROLES.find((role) => role === user.role) ?? 'internal_user';
}

function teamOf({ team, teamRole }: KeyRecord, id: string): NonNullable<Principal['team']> {
  return {
    id,
    ...(team?.alias ? { alias: team.alias } : {}),
    ...(teamRole === null ? {} : { role: teamRole }),
  };
}

/** The user's own list counts only for keys without a team: a team's key is the team's (contract 6.7). */
function modelGrantsOf(
  { key, user, team }: KeyRecord,
  keyScope: Scope,
  teamScope: Scope | undefined,
  userScope: Scope | undefined,
): Principal['modelGrants'] {
  const grants: { scope: Scope; models: readonly string[] }[] = [];
  const add = (scope: Scope, models: readonly string[]): void => {
    if (models.length > 0 && !models.some((model) => EVERYTHING.has(model))) grants.push({ scope, models });
  };
  // `all-team-models` leaves the decision to the team; without a team it matches nothing, and stays so that it refuses.
  if (teamScope === undefined || !key.models.includes('all-team-models')) add(keyScope, key.models);
  if (teamScope !== undefined && team !== null && !team.models.includes('all-team-models'))
    add(teamScope, team.models);
  if (teamScope === undefined && userScope !== undefined && user !== null) add(userScope, user.models);
  return grants;
}

interface LimitColumns {
  readonly rpmLimit: number | null;
  readonly tpmLimit: number | null;
  readonly maxParallelRequests: number | null;
}

function limitOf(scope: Scope | undefined, row: LimitColumns | null): ScopeLimit[] {
  if (scope === undefined || row === null) return [];
  const limit = {
    scope,
    ...(row.rpmLimit === null ? {} : { requestsPerMinute: row.rpmLimit }),
    ...(row.tpmLimit === null ? {} : { tokensPerMinute: row.tpmLimit }),
    ...(row.maxParallelRequests === null ? {} : { parallelRequests: row.maxParallelRequests }),
  };
  return Object.keys(limit).length === 1 ? [] : [limit];
}

interface BudgetColumns {
  readonly maxBudgetNano: NanoUsd | null;
  readonly softBudgetNano: NanoUsd | null;
  readonly budgetDuration: string | null;
  readonly budgetAnchorAt: Date | null;
  readonly createdAt: Date;
}

function budgetOf(scope: Scope | undefined, row: BudgetColumns | null): ScopeBudget[] {
  if (scope === undefined || row === null || row.maxBudgetNano === null) return [];
  return [
    {
      scope,
      name: 'main',
      capNanoUsd: row.maxBudgetNano,
      ...(row.budgetDuration === null ? {} : { duration: row.budgetDuration }),
      anchorMs: (row.budgetAnchorAt ?? row.createdAt).getTime(),
      ...(row.softBudgetNano === null ? {} : { softCapNanoUsd: row.softBudgetNano }),
    },
  ];
}

/** What the configuration limits for everybody, the master key included. */
export function proxyLimits({ limits }: Config): ScopeLimit[] {
  const limit = {
    scope: PROXY_SCOPE,
    ...(limits.requestsPerMinute === undefined ? {} : { requestsPerMinute: limits.requestsPerMinute }),
    ...(limits.tokensPerMinute === undefined ? {} : { tokensPerMinute: limits.tokensPerMinute }),
    ...(limits.parallelRequests === undefined ? {} : { parallelRequests: limits.parallelRequests }),
  };
  return Object.keys(limit).length === 1 ? [] : [limit];
}

export function proxyBudgets({ budgets }: Config): ScopeBudget[] {
  if (budgets.proxyCapNanoUsd === undefined) return [];
  return [
    {
      scope: PROXY_SCOPE,
      name: 'main',
      capNanoUsd: budgets.proxyCapNanoUsd,
      ...(budgets.proxyDuration === undefined ? {} : { duration: budgets.proxyDuration }),
      anchorMs: 0,
    },
  ];
}

function scopes(type: Scope['type'], id: string | null | undefined): Scope[] {
  return id === null || id === undefined ? [] : [{ type, id }];
}
