import { tmpdir } from 'node:os';
import { Config, type ConfigTree, loadConfig } from '#libs/config';
import { type Governed, Team, TeamMember, User, VirtualKey } from '#libs/database';
import { Secret } from '#libs/kernel';
import { type CallerRecord, hashRawKey, type KeyRecord } from '#libs/tenancy';

const CREATED = new Date(Date.UTC(2026, 0, 1));

const noLimits = {
  maxBudgetNano: null,
  softBudgetNano: null,
  budgetDuration: null,
  budgetAnchorAt: null,
  budgetResetAt: null,
  budgetWindows: [],
  modelBudgets: {},
  tempBudgetNano: null,
  tempBudgetEndsAt: null,
  budgetId: null,
  inputTpmLimit: null,
  outputTpmLimit: null,
  modelRpmLimits: {},
  modelTpmLimits: {},
  rpmLimit: null,
  tpmLimit: null,
  maxParallelRequests: null,
};

export function keyRow(raw: string, changed: Partial<VirtualKey> = {}): VirtualKey {
  return Object.assign(
    new VirtualKey(),
    noLimits,
    {
      id: `key_${raw}`,
      tokenHash: hashRawKey(raw),
      maskedName: `sk-...${raw.slice(-4)}`,
      alias: null,
      label: null,
      userId: null,
      teamId: null,
      organizationId: null,
      projectId: null,
      customerId: null,
      models: [],
      aliases: {},
      allowedRoutes: [],
      tags: [],
      metadata: {},
      blocked: false,
      expiresAt: null,
      keyType: null,
      tagRpmLimits: {},
      throttleOnBudgetExceeded: false,
      customerBudgetId: null,
      createdAt: CREATED,
      updatedAt: CREATED,
    },
    changed,
  );
}

export function teamRow(id: string, changed: Partial<Team> = {}): Team {
  return Object.assign(
    new Team(),
    noLimits,
    {
      id,
      alias: null,
      organizationId: null,
      models: [],
      modelAliases: {},
      tags: [],
      metadata: {},
      blocked: false,
      memberMaxBudgetNano: null,
      memberBudgetDuration: null,
      memberRpmLimit: null,
      memberTpmLimit: null,
      createdAt: CREATED,
    },
    changed,
  );
}

export function userRow(id: string, changed: Partial<User> = {}): User {
  return Object.assign(
    new User(),
    noLimits,
    {
      id,
      email: null,
      alias: null,
      role: 'internal_user',
      models: [],
      metadata: {},
      blocked: false,
      createdAt: CREATED,
    },
    changed,
  );
}

/** Any other row with limits and budgets. */
export function governedRow<Row extends Governed>(made: Row, changed: Partial<Row> = {}): Row {
  return Object.assign(made, noLimits, { createdAt: CREATED }, changed);
}

export function memberRow(teamId: string, userId: string, changed: Partial<TeamMember> = {}): TeamMember {
  return governedRow(new TeamMember(), { teamId, userId, role: 'user', allowedModels: [], ...changed });
}

/** A caller of whom there are no rows but these. */
export function callerRecord(
  ids: Partial<CallerRecord['ids']>,
  rows: Partial<CallerRecord> = {},
): CallerRecord {
  return {
    ids: {
      userId: null,
      teamId: null,
      organizationId: null,
      projectId: null,
      customerId: null,
      ...ids,
    },
    key: null,
    user: null,
    team: null,
    member: null,
    organization: null,
    organizationMember: null,
    project: null,
    customer: null,
    tags: new Map(),
    budgets: new Map(),
    roles: new Map(),
    ...rows,
  };
}

export function recordOf(key: VirtualKey, rows: Partial<KeyRecord> = {}): KeyRecord {
  const { userId, teamId, projectId, customerId } = key;
  const organizationId = key.organizationId ?? rows.team?.organizationId ?? null;
  return {
    ...callerRecord({ userId, teamId, organizationId, projectId, customerId }, rows),
    key: rows.key ?? key,
  };
}

/** The product's own defaults, with a master key and what a test changes. */
export async function configWith(
  changed: { [K in 'auth' | 'budgets' | 'limits' | 'network' | 'signIn']?: Partial<ConfigTree[K]> } = {},
): Promise<Config> {
  const base = await loadConfig({ env: {}, cwd: tmpdir() });
  return new Config({
    ...base,
    auth: { ...base.auth, masterKey: new Secret('the-operators-own-key'), ...changed.auth },
    budgets: { ...base.budgets, ...changed.budgets },
    limits: { ...base.limits, ...changed.limits },
    network: { ...base.network, ...changed.network },
    signIn: { ...base.signIn, ...changed.signIn },
  });
}
