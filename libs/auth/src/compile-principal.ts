import type { Config } from '#libs/config';
import {
  type CredentialKind,
  type NanoUsd,
  type Principal,
  PROXY_SCOPE,
  type Scope,
  textsIn,
  type UsualAnswer,
} from '#libs/kernel';
import { type CallerRecord, pinnedTagsOf } from '#libs/tenancy';
import { ceilingOf, modelGrantsOf } from './caller-grants.js';
import { modelRulesIn, paysIn, scopesOf } from './caller-scopes.js';
import { effectiveRole } from './effective-role.js';
import {
  budgetsOf,
  type GovernedScope,
  limitsOf,
  proxyBudgets,
  proxyLimits,
  tagBudgetsOf,
  tagLimitsOf,
} from './governed-scopes.js';

/** What a credential that is no virtual key says about itself. */
export interface CredentialClaims {
  readonly credential: CredentialKind;
  /** What logs and spend rows call the caller. Never a secret. */
  readonly displayName: string;
  /** Built-in, or one of the operator's own. Default: the user's own role. */
  readonly role?: string;
  /** Narrows the caller to these models, whatever else grants them. */
  readonly models?: readonly string[];
  /** Caps what the caller's user may spend in its life, beside whatever else caps it. */
  readonly capNanoUsd?: NanoUsd;
  /** Narrows the caller to the routes that all of these lists name. */
  readonly routes?: readonly (readonly string[])[];
  readonly expiresAtMs?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/**
 * Everything a caller may do and spend, resolved once from its rows and the configuration, so that no request looks
 * anything up again. Pure: the same rows give the same principal. `isCurrent` is what the principal answers about itself.
 */
export function compilePrincipal(
  record: CallerRecord,
  config: Config,
  isCurrent: () => boolean = () => true,
  claims?: CredentialClaims,
): Principal {
  const { key, user, team, ids } = record;
  const scopes = scopesOf(record, config);
  const tags = pinnedTagsOf(record);
  const rules = modelRulesIn(scopes);
  const customerBudgetId = key?.customerBudgetId ?? undefined;
  const { models: roleModels = [], ...roleFacts } = effectiveRole(
    claims?.role ?? roleOf(record),
    config,
    record.roles,
  );
  const role = roleFacts.customRole ?? roleFacts.role;
  const priority = team?.metadata['priority'] ?? key?.metadata['priority'];
  return Object.freeze({
    credential: claims?.credential ?? 'virtual_key',
    ...roleFacts,
    displayName: claims?.displayName ?? key?.id ?? ids.userId ?? ids.teamId ?? 'unknown',
    ...(key === null
      ? {}
      : {
          key: {
            id: key.id,
            hash: key.tokenHash,
            ...(key.alias === null ? {} : { alias: key.alias }),
            maskedName: key.maskedName,
            ...(key.allowedRoutes.length === 0 ? {} : { allowedRoutes: key.allowedRoutes }),
          },
        }),
    ...(ids.userId === null
      ? {}
      : { user: { id: ids.userId, ...(user?.email ? { email: user.email } : {}) } }),
    ...(ids.teamId === null ? {} : { team: teamOf(record, ids.teamId) }),
    ...(ids.organizationId === null ? {} : { organizationId: ids.organizationId }),
    ...(ids.projectId === null ? {} : { projectId: ids.projectId }),
    ...(ids.customerId === null ? {} : { customerId: ids.customerId }),
    ...(claims?.routes === undefined || claims.routes.length === 0
      ? {}
      : { credentialRoutes: claims.routes }),
    modelGrants: [
      ...modelGrantsOf(record),
      ...roleModels.flatMap((models) => ceilingOf(models, role)),
      ...ceilingOf(claims?.models),
    ],
    // The key's own word counts before its team's.
    modelAliases: { ...team?.modelAliases, ...key?.aliases },
    limits: [
      ...scopes.flatMap(limitsOf),
      ...tagLimitsOf(key?.id, key?.tagRpmLimits, tags),
      ...proxyLimits(config),
    ],
    budgets: [
      ...scopes.filter(paysIn(record, config)).flatMap(budgetsOf),
      ...creditOf(record, claims),
      ...tags.flatMap((tag) => tagBudgetsOf(tag, config)),
      ...proxyBudgets(config),
    ],
    ...unboundBudgetsOf(record, scopes, config),
    ...(customerBudgetId === undefined ? {} : { customerBudgetId }),
    ...(rules.length === 0 ? {} : { modelRules: rules }),
    ...(typeof priority === 'string' && priority !== '' ? { priority } : {}),
    ...throttleOf(record, config),
    ...looseLimitsOf(record),
    spendScopes: [...scopes.map(({ scope }) => scope), PROXY_SCOPE],
    tags,
    metadata: claims?.metadata ?? key?.metadata ?? {},
    ...passThroughOf(key?.metadata, team?.metadata),
    ...requiredParamsOf(record, config),
    ...budgetFallbacksOf(key?.metadata),
    ...usualAnswersOf(key?.metadata, team?.metadata),
    ...expiryOf(claims?.expiresAtMs ?? key?.expiresAt?.getTime()),
    isCurrent,
  } satisfies Principal);
}

/** Of a lifetime everything a scope spends is counted anyway. */
function unboundBudgetsOf(
  record: CallerRecord,
  scopes: readonly GovernedScope[],
  config: Config,
): Pick<Principal, 'unboundBudgets'> {
  const pays = paysIn(record, config);
  const unboundBudgets = scopes
    .filter((scope) => !pays(scope))
    .flatMap(budgetsOf)
    .filter(({ duration }) => duration !== undefined);
  return unboundBudgets.length === 0 ? {} : { unboundBudgets };
}

/** What a credential says about money can only add a cap, on its user or else its team. */
function creditOf({ ids }: CallerRecord, claims: CredentialClaims | undefined): Principal['budgets'] {
  const scope: Scope | undefined =
    ids.userId !== null
      ? { type: 'user', id: ids.userId }
      : ids.teamId !== null
        ? { type: 'team', id: ids.teamId }
        : undefined;
  if (claims?.capNanoUsd === undefined || scope === undefined) return [];
  return [{ scope, name: 'credential', capNanoUsd: claims.capNanoUsd, anchorMs: 0 }];
}

function throttleOf({ key }: CallerRecord, config: Config): Pick<Principal, 'throttleTo'> {
  const share = config.budgets.throttleShare;
  return share !== undefined && key?.throttleOnBudgetExceeded === true ? { throttleTo: share } : {};
}

type Metadata = Readonly<Record<string, unknown>>;

/** The key's list of allowed endpoints, else its team's; what either denies is denied (contract/auth 6.8). */
function passThroughOf(
  key: Metadata | undefined,
  team: Metadata | undefined,
): Pick<Principal, 'passThrough'> {
  const ofKey = textsIn(key?.['allowed_passthrough_routes']);
  const allowed = ofKey.length > 0 ? ofKey : textsIn(team?.['allowed_passthrough_routes']);
  const denied = [key, team].flatMap((from) => textsIn(from?.['denied_passthrough_routes']));
  return allowed.length === 0 && denied.length === 0 ? {} : { passThrough: { allowed, denied } };
}

function budgetFallbacksOf(key: Metadata | undefined): Pick<Principal, 'budgetFallbacks'> {
  const said = key?.['budget_fallbacks'];
  if (typeof said !== 'object' || said === null) return {};
  // Names of models are chosen by callers: none may be a member that every object has.
  const fallbacks = Object.create(null) as Record<string, readonly string[]>;
  for (const [model, names] of Object.entries(said)) fallbacks[model] = textsIn(names);
  return Object.keys(fallbacks).length === 0 ? {} : { budgetFallbacks: fallbacks };
}

function usualAnswersOf(
  key: Metadata | undefined,
  team: Metadata | undefined,
): Pick<Principal, 'usualAnswers'> {
  const said = [key, team].flatMap((from): UsualAnswer[] => {
    const tokens = from?.['default_estimated_output_tokens'];
    const byModel = from?.['default_estimated_output_tokens_per_model'];
    const ofModel = Object.create(null) as Record<string, number>;
    if (typeof byModel === 'object' && byModel !== null)
      for (const [model, one] of Object.entries(byModel)) if (isCount(one)) ofModel[model] = one;
    if (!isCount(tokens) && Object.keys(ofModel).length === 0) return [];
    return [{ ...(isCount(tokens) ? { tokens } : {}), ofModel }];
  });
  return said.length === 0 ? {} : { usualAnswers: said };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** What the key, its team and, of a program's key, the operator want said in each call: all of it. What they want of everybody is asked of everybody. */
function requiredParamsOf({ key, team }: CallerRecord, config: Config): Pick<Principal, 'requiredParams'> {
  const params = [
    ...textsIn(key?.metadata['enforced_params']),
    ...textsIn(team?.metadata['enforced_params']),
    ...(key === null || key.serviceAccountId === null ? [] : config.calls.serviceAccountParams),
  ];
  return params.length === 0 ? {} : { requiredParams: [...new Set(params)] };
}

/** Limits by tag, and those that are meant for bad times only; absent for nearly every key. */
function looseLimitsOf({ key }: CallerRecord): Pick<Principal, 'tagLimits' | 'relaxedLimits'> {
  if (key === null) return {};
  const relaxed = [
    ...(key.rpmLimitType === 'dynamic' ? (['requests'] as const) : []),
    ...(key.tpmLimitType === 'dynamic' ? (['tokens'] as const) : []),
  ];
  return {
    ...(Object.keys(key.tagRpmLimits).length === 0 ? {} : { tagLimits: key.tagRpmLimits }),
    ...(relaxed.length === 0 ? {} : { relaxedLimits: relaxed }),
  };
}

function expiryOf(expiresAtMs: number | undefined): Pick<Principal, 'expiresAtMs'> {
  return expiresAtMs === undefined ? {} : { expiresAtMs };
}

/** A key is as powerful as its user. Without a user it calls models and reads about itself, no more; pinned to a customer, it is that customer's whoever made it. A token that names a person and a customer is the person's. */
function roleOf({ ids, key, user }: CallerRecord): string {
  if (ids.customerId !== null && (key !== null || user === null)) return 'customer';
  if (user === null) return 'team';
  return user.role;
}

function teamOf({ team, member }: CallerRecord, id: string): NonNullable<Principal['team']> {
  return {
    id,
    ...(team?.alias ? { alias: team.alias } : {}),
    ...(member === null ? {} : { role: member.role }),
  };
}
