import {
  ALL_MODELS,
  type Denial,
  type ErrorCode,
  GatewayError,
  grantsEverything,
  NO_MODELS,
  type Principal,
  type Scope,
  TEAM_MODELS,
} from '#libs/kernel';

/** What model access needs to know of one deployment; routing's Deployment fits. */
export interface GrantableDeployment {
  readonly provider: string;
  readonly upstreamModel: string;
  /** Aliases or hashes of the keys it is reserved for; absent: everybody the grants admit. */
  readonly allowedKeys?: readonly string[];
}

/** The model of one call, as the catalogue resolved it for its caller. */
export interface RequestedModel {
  /** As the caller wrote it. */
  readonly requestedModel: string;
  /** The model group it leads to, after the key's, the team's and the router's aliases. */
  readonly resolvedGroup: string;
  /** Access groups (`model_info.access_groups`) the model group belongs to. */
  readonly accessGroups: readonly string[];
  /** The group's deployments; empty for a model nobody serves (then only the grants decide, and routing says it is unknown). */
  readonly deployments: readonly GrantableDeployment[];
  /** The team that owns it, for a model of one team. */
  readonly ownerTeamId?: string | undefined;
}

export type ModelDecision =
  | {
      readonly allowed: true;
      /** Set when nothing but these access groups let the caller in: only deployments that carry one of them may serve it. */
      readonly through?: readonly string[];
    }
  | {
      readonly allowed: false;
      readonly code: ErrorCode;
      /** Which list said no; absent when every deployment is reserved for other keys. */
      readonly scope?: Scope;
      /** The role whose list it is. */
      readonly role?: string;
      readonly model: string;
      /** The name that has to stand in the list: what an alias of the caller's means. */
      readonly target: string;
      /** The wire type when the code's own does not name the scope. */
      readonly type?: string;
    };

const ALLOWED: ModelDecision = { allowed: true };

/** Words of model lists that are not models. Asking for a model of that name never matches them. */
const MAGIC_WORDS: ReadonlySet<string> = new Set([TEAM_MODELS, ALL_MODELS, NO_MODELS]);

/** Model lists that scopes have beside their own: those of the access groups that were assigned to them. */
export interface AssignedModels {
  /** Undefined when the scope has no access group. */
  modelsOf(scope: Scope): readonly string[] | undefined;
}

/**
 * Whether every scope that restricts models allows this one, and at least one deployment is open to the key. A key's or
 * team's alias counts as its target: listing the alias grants nothing. A router's alias is allowed by its own name or its target's.
 * What a list refuses, the scope's access groups may still grant; those of the key also stand in for the team's list.
 */
export function decideModelAccess(
  principal: Principal,
  requested: RequestedModel,
  assigned?: AssignedModels,
): ModelDecision {
  const { requestedModel } = requested;
  const name = Object.hasOwn(principal.modelAliases, requestedModel)
    ? (principal.modelAliases[requestedModel] ?? requestedModel)
    : requestedModel;
  let through: readonly string[] | undefined;
  for (const grant of principal.modelGrants) {
    const { scope, models } = grant;
    const match = matchList(models, name, requested);
    if (match === true) continue;
    if (match !== undefined) {
      through = through === undefined ? match : through.filter((group) => match.includes(group));
      if (through.length === 0) return denied(grant, requestedModel, name);
      continue;
    }
    // The team whose own model it is has decided by owning it.
    if (scope.type === 'team' && requested.ownerTeamId === scope.id) continue;
    if (!isAssigned(principal, scope, name, requested, assigned)) return denied(grant, requestedModel, name);
  }
  if (
    requested.deployments.length > 0 &&
    !requested.deployments.some((one) => mayUseDeployment(principal, one.allowedKeys))
  ) {
    return { allowed: false, code: 'rbac.deployment_denied', model: requestedModel, target: name };
  }
  return through === undefined ? ALLOWED : { allowed: true, through };
}

function isAssigned(
  principal: Principal,
  scope: Scope,
  name: string,
  requested: RequestedModel,
  assigned: AssignedModels | undefined,
): boolean {
  if (assigned === undefined) return false;
  const own = assigned.modelsOf(scope);
  if (own !== undefined && matchList(own, name, requested) !== undefined) return true;
  if (scope.type !== 'team' || principal.key === undefined) return false;
  const keys = assigned.modelsOf({ type: 'key', id: principal.key.id });
  return keys !== undefined && matchList(keys, name, requested) !== undefined;
}

/** Whether `litellm_params.allowed_keys` admits this caller. The master key may use everything; a caller without a key nothing reserved. */
export function mayUseDeployment(principal: Principal, allowedKeys: readonly string[] | undefined): boolean {
  if (allowedKeys === undefined || principal.credential === 'master_key') return true;
  const { key } = principal;
  if (key === undefined) return false;
  return allowedKeys.includes(key.hash) || (key.alias !== undefined && allowedKeys.includes(key.alias));
}

/** True when the list names the model or everything; the access groups when only they do; undefined when nothing does. */
function matchList(
  models: readonly string[],
  name: string,
  requested: RequestedModel,
): true | readonly string[] | undefined {
  if (models.length === 0) return true;
  const group = requested.resolvedGroup;
  let groups: string[] | undefined;
  for (const entry of models) {
    if (grantsEverything(entry)) return true;
    if (MAGIC_WORDS.has(entry)) continue;
    if (entry === name || entry === group) return true;
    if (requested.accessGroups.includes(entry)) (groups ??= []).push(entry);
    if (!entry.includes('*')) continue;
    if (matchesGlob(entry, name) || matchesGlob(entry, group)) return true;
    if (entry.endsWith('/*') && isCatalogued(entry.slice(0, -2), name, requested)) return true;
  }
  return groups;
}

/** `openai/*` also grants the bare `gpt-4o` when a deployment says that OpenAI serves it under that very name. */
function isCatalogued(provider: string, name: string, requested: RequestedModel): boolean {
  return requested.deployments.some((one) => one.provider === provider && one.upstreamModel === name);
}

/** Anchored at both ends; `*` stands for any characters, also none and also `/`. Linear: lists are written by users, so no backtracking regular expression. */
export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p;
      p += 1;
      resume = t;
    } else if (p < pattern.length && pattern[p] === text[t]) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      p = star + 1;
      resume += 1;
      t = resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

function denied(
  { scope, models, role }: Principal['modelGrants'][number],
  model: string,
  target: string,
): ModelDecision {
  const base = { allowed: false as const, scope, model, target };
  if (role !== undefined)
    return { ...base, role, code: 'rbac.key_model_denied', type: 'role_model_access_denied' };
  switch (scope.type) {
    case 'key':
      return { ...base, code: 'rbac.key_model_denied' };
    case 'team':
    case 'team_member':
      return { ...base, code: 'rbac.team_model_denied' };
    case 'user':
      // A user without models of its own is told so as a key's limit: that is how clients know it (contract 2.2).
      return {
        ...base,
        code: models.includes(NO_MODELS) ? 'rbac.key_model_denied' : 'rbac.user_model_denied',
      };
    case 'organization':
      return { ...base, code: 'rbac.organization_model_denied' };
    default:
      return { ...base, code: 'rbac.key_model_denied', type: `${scope.type}_model_access_denied` };
  }
}

/** By what name a refusal's change calls a role; whatever name a token came with. */
export function roleField(role: string): string {
  return `role ${role.slice(0, 64)}`;
}

/** Throws the refusal of a denied model. The text never lists what would be allowed: that is for the log and for administrators. */
export function assertModelAllowed(decision: ModelDecision): void {
  if (decision.allowed) return;
  const { code, scope, role, model, target } = decision;
  const owner = role !== undefined ? 'role' : scope === undefined ? 'key' : scope.type.replace('_', ' ');
  const denial: Denial = {
    code,
    ...(scope === undefined ? {} : { scope }),
    wouldAllow:
      scope === undefined
        ? 'Use a key the model is reserved for.'
        : `Add the model to the models of this ${owner}.`,
    change:
      scope === undefined
        ? { action: 'reserve_deployment', field: 'litellm_params.allowed_keys' }
        : {
            action: 'grant_model',
            scope,
            field:
              role !== undefined
                ? roleField(role)
                : scope.type === 'team_member'
                  ? 'allowed_models'
                  : 'models',
            value: target,
          },
  };
  throw new GatewayError(
    code,
    `${owner} not allowed to access model: "${model.slice(0, 256)}" is not available here.`,
    {
      param: 'model',
      denial,
      ...(decision.type === undefined ? {} : { type: decision.type }),
    },
  );
}
