import type { Config } from '#libs/config';
import type { ModelRules, Scope } from '#libs/kernel';
import { type CallerRecord, type GovernedRow, pinnedTagsOf } from '#libs/tenancy';
import { type DefaultSettings, type GovernedScope, modelRulesOf } from './governed-scopes.js';

/** Every scope the caller's calls count in but the proxy's, with the rows that govern it. */
export function scopesOf(record: CallerRecord, config: Config): GovernedScope[] {
  const { ids, budgets, key, team } = record;
  const scopes: GovernedScope[] = [];
  const add = (
    type: Scope['type'],
    id: string | null | undefined,
    row: GovernedRow | null,
    unlinked?: DefaultSettings,
  ): void => {
    if (id === null || id === undefined) return;
    scopes.push({ scope: { type, id }, row, linked: budgets.get(row?.budgetId ?? '') ?? unlinked });
  };
  add('key', key?.id, key);
  add('team', ids.teamId, team);
  add('user', ids.userId, record.user);
  if (ids.teamId !== null && ids.userId !== null)
    add('team_member', memberIdOf(ids.teamId, ids.userId), record.member, memberDefaultsOf(team));
  add('organization', ids.organizationId, record.organization);
  if (ids.organizationId !== null && record.organizationMember !== null)
    add('organization_member', memberIdOf(ids.organizationId, ids.userId ?? ''), record.organizationMember);
  add('project', ids.projectId, record.project);
  add('customer', ids.customerId, record.customer, budgets.get(customerBudgetIdOf(key, config) ?? ''));
  for (const tag of pinnedTagsOf(record)) add('tag', tag, record.tags.get(tag) ?? null);
  return scopes;
}

function memberIdOf(group: string, user: string): string {
  return `${group}:${user}`;
}

/** The user's own money counts only for keys without a team: a team's key is the team's, unless the operator says otherwise. */
export function paysIn({ ids }: CallerRecord, config: Config): (scope: GovernedScope) => boolean {
  const userPays = ids.teamId === null || config.budgets.applyUserBudgetToTeamKeys;
  return ({ scope }) => userPays || scope.type !== 'user';
}

/** What a team lets each member spend whose own row says nothing. Here 0 means no cap (contract/limits 3.1). */
function memberDefaultsOf(team: CallerRecord['team']): DefaultSettings | undefined {
  if (team === null) return undefined;
  const { memberMaxBudgetNano, memberBudgetDuration, memberRpmLimit, memberTpmLimit, createdAt } = team;
  return {
    maxBudgetNano: memberMaxBudgetNano === 0n ? null : memberMaxBudgetNano,
    budgetDuration: memberBudgetDuration,
    rpmLimit: memberRpmLimit,
    tpmLimit: memberTpmLimit,
    createdAt,
  };
}

/** The row of `budgets` for customers without a budget of their own: the key's word, else the operator's. */
export function customerBudgetIdOf(key: CallerRecord['key'], config: Config): string | null {
  return key?.customerBudgetId ?? config.budgets.customerBudgetId ?? null;
}

/** A model that the key has rules of its own for is not the team's business, in that dimension. */
export function modelRulesIn(scopes: readonly GovernedScope[]): ModelRules[] {
  const rules: ModelRules[] = [];
  for (const scope of scopes) {
    const made = modelRulesOf(scope);
    if (made) rules.push(made);
  }
  const ofKey = rules.find(({ owner }) => owner.type === 'key');
  return ofKey === undefined
    ? rules
    : rules.map((rule) => (rule.owner.type === 'team' ? withoutModelsOf(rule, ofKey) : rule));
}

function withoutModelsOf(team: ModelRules, key: ModelRules): ModelRules {
  const limits: Record<string, ModelRules['limits'][string]> = {};
  for (const [model, { requestsPerMinute, tokensPerMinute }] of Object.entries(team.limits)) {
    const own = Object.hasOwn(key.limits, model) ? key.limits[model] : undefined;
    limits[model] = {
      ...(requestsPerMinute === undefined || own?.requestsPerMinute !== undefined
        ? {}
        : { requestsPerMinute }),
      ...(tokensPerMinute === undefined || own?.tokensPerMinute !== undefined ? {} : { tokensPerMinute }),
    };
  }
  const budgets = Object.fromEntries(
    Object.entries(team.budgets).filter(([model]) => !Object.hasOwn(key.budgets, model)),
  );
  return { owner: team.owner, limits, budgets };
}
