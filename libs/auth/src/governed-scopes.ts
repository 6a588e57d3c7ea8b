import type { Config } from '#libs/config';
import type { Governed } from '#libs/database';
import { type ModelRules, PROXY_SCOPE, type Scope, type ScopeBudget, type ScopeLimit } from '#libs/kernel';
import type { GovernedRow } from '#libs/tenancy';

/** Settings that count where a row has none of its own: a linked row of `budgets`, or a team's word for its members. */
export type DefaultSettings = Partial<Governed> & { readonly createdAt: Date };

/** A scope, the row that governs it, and what speaks where the row is silent. */
export interface GovernedScope {
  readonly scope: Scope;
  readonly row: GovernedRow | null;
  readonly linked: DefaultSettings | undefined;
}

export function limitsOf({ scope, row, linked }: GovernedScope): ScopeLimit[] {
  const limit: ScopeLimit = {
    scope,
    ...one('requestsPerMinute', row?.rpmLimit ?? linked?.rpmLimit),
    ...one('tokensPerMinute', row?.tpmLimit ?? linked?.tpmLimit),
    ...one('inputTokensPerMinute', row?.inputTpmLimit ?? linked?.inputTpmLimit),
    ...one('outputTokensPerMinute', row?.outputTpmLimit ?? linked?.outputTpmLimit),
    ...one('parallelRequests', row?.maxParallelRequests ?? linked?.maxParallelRequests),
  };
  return Object.keys(limit).length === 1 ? [] : [limit];
}

/** The main budget, then one for each window. */
export function budgetsOf({ scope, row, linked }: GovernedScope): ScopeBudget[] {
  const budgets: ScopeBudget[] = [];
  const owner = row ?? linked;
  if (owner === undefined) return budgets;
  const anchorMs = (row?.budgetAnchorAt ?? owner.createdAt).getTime();
  const cap = row?.maxBudgetNano ?? linked?.maxBudgetNano ?? null;
  const soft = row?.softBudgetNano ?? linked?.softBudgetNano ?? null;
  const duration = row?.budgetDuration ?? linked?.budgetDuration ?? null;
  if (cap !== null) {
    budgets.push({
      scope,
      name: 'main',
      capNanoUsd: cap,
      ...(duration === null ? {} : { duration }),
      anchorMs,
      ...(soft === null ? {} : { softCapNanoUsd: soft }),
      ...increaseOf(row),
    });
  }
  for (const { capNano, duration: length } of windowsOf(row, linked)) {
    // A window's name is its duration: the same budget keeps its counter when another window comes or goes.
    const name = length ?? 'window';
    budgets.push({
      scope,
      name,
      capNanoUsd: BigInt(capNano),
      ...(length === null ? {} : { duration: length }),
      anchorMs,
    });
  }
  return budgets;
}

/** What a key allows under these tags. The scope is the key's own part of the tag; no tag can be called so. */
export function tagLimitsOf(
  keyId: string | undefined,
  limits: Readonly<Record<string, number>> | undefined,
  tags: readonly string[],
): ScopeLimit[] {
  if (limits === undefined || keyId === undefined) return [];
  return tags.flatMap((tag) => {
    const requestsPerMinute = Object.hasOwn(limits, tag) ? limits[tag] : undefined;
    if (requestsPerMinute === undefined) return [];
    return [{ scope: { type: 'tag' as const, id: `${keyId}\0${tag}` }, requestsPerMinute }];
  });
}

/** What the configuration lets be spent under a tag (`tag_budget_config`), beside the tag's own row. */
export function tagBudgetsOf(tag: string, { budgets }: Config): ScopeBudget[] {
  const named = Object.hasOwn(budgets.tags, tag) ? budgets.tags[tag] : undefined;
  return named === undefined
    ? []
    : [{ scope: { type: 'tag', id: tag }, name: 'router', anchorMs: 0, ...named }];
}

/** What the scope allows per model; undefined when it says nothing about models. */
export function modelRulesOf({ scope, row, linked }: GovernedScope): ModelRules | undefined {
  const requests = nonEmpty(row?.modelRpmLimits) ?? nonEmpty(linked?.modelRpmLimits) ?? {};
  const tokens = nonEmpty(row?.modelTpmLimits) ?? nonEmpty(linked?.modelTpmLimits) ?? {};
  const money = nonEmpty(row?.modelBudgets) ?? nonEmpty(linked?.modelBudgets) ?? {};
  const limits = byModel<Omit<ScopeLimit, 'scope'>>();
  for (const model of new Set([...Object.keys(requests), ...Object.keys(tokens)])) {
    limits[model] = {
      ...one('requestsPerMinute', ownOf(requests, model)),
      ...one('tokensPerMinute', ownOf(tokens, model)),
    };
  }
  const anchorMs = (row?.budgetAnchorAt ?? row?.createdAt ?? linked?.createdAt ?? new Date(0)).getTime();
  const budgets = byModel<Omit<ScopeBudget, 'scope' | 'name'>>();
  for (const [model, { capNano, duration }] of Object.entries(money)) {
    budgets[model] = {
      capNanoUsd: BigInt(capNano),
      ...(duration === null ? {} : { duration }),
      anchorMs,
    };
  }
  if (Object.keys(limits).length === 0 && Object.keys(budgets).length === 0) return undefined;
  return { owner: scope, limits, budgets };
}

/** Callers choose the names of models: `constructor` and `__proto__` are names like any other, and no members of every map. */
function byModel<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

function ownOf<T>(map: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

/** What the configuration limits for everybody, the master key included. */
export function proxyLimits({ limits }: Config): ScopeLimit[] {
  const limit = {
    scope: PROXY_SCOPE,
    ...one('requestsPerMinute', limits.requestsPerMinute),
    ...one('tokensPerMinute', limits.tokensPerMinute),
    ...one('parallelRequests', limits.parallelRequests),
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

function windowsOf(row: GovernedRow | null, linked: DefaultSettings | undefined): Governed['budgetWindows'] {
  return row !== null && row.budgetWindows.length > 0 ? row.budgetWindows : (linked?.budgetWindows ?? []);
}

function increaseOf(row: GovernedRow | null): Pick<ScopeBudget, 'increase'> {
  if (row === null || row.tempBudgetNano === null || row.tempBudgetEndsAt === null) return {};
  return { increase: { nanoUsd: row.tempBudgetNano, endsAtMs: row.tempBudgetEndsAt.getTime() } };
}

function one<Name extends string>(
  name: Name,
  value: number | null | undefined,
): Partial<Record<Name, number>> {
  return value === null || value === undefined ? {} : ({ [name]: value } as Record<Name, number>);
}

function nonEmpty<T extends object>(map: T | undefined): T | undefined {
  return map !== undefined && Object.keys(map).length > 0 ? map : undefined;
}
