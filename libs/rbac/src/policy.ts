import type { Role } from '#libs/kernel';

/** Names usable in a key's `allowed_routes` and in role permissions: contract names, because administrators write them. */
export const ROUTE_GROUPS = [
  'openai_routes',
  'anthropic_routes',
  'model_info_routes',
  'llm_api_routes',
  'info_routes',
  'key_management_routes',
  'management_routes',
  'spend_tracking_routes',
  'internal_user_routes',
  'public_routes',
] as const;
export type RouteGroup = (typeof ROUTE_GROUPS)[number];

/** What the handler itself still has to check, because it depends on whose row the request names. */
export type OwnershipRule =
  /** Nothing belongs to anybody here. */
  | 'none'
  /** Keys of the caller, or of a team whose administrator the caller is. Not yours equals not there. */
  | 'own_keys'
  /** The caller's own user row. */
  | 'own_user'
  /** Teams the caller is a member of. */
  | 'own_teams'
  /** Spend of the caller, its key or its customer. */
  | 'own_spend'
  /** Models the caller could call. */
  | 'visible_models';

/** Who may reach a handler. `metrics`: any caller, or everybody when the operator opened the metrics endpoint. */
export type RouteAudience = 'public' | 'any_caller' | 'metrics' | readonly Role[];

export interface RoutePolicy {
  readonly groups: readonly RouteGroup[];
  readonly access: RouteAudience;
  readonly ownership: OwnershipRule;
  /** True: the call may cost money, so budgets and limits apply. */
  readonly reachesProvider: boolean;
  /** The audit action the handler records; absent: it changes nothing. */
  readonly audits?: `${string}.${'created' | 'updated' | 'deleted' | 'blocked' | 'unblocked' | 'rotated'}`;
  /** Answered whatever the caller's address is: probes must work from anywhere. */
  readonly anyNetwork?: true;
}

const llm = (...groups: RouteGroup[]) =>
  ({
    groups: ['llm_api_routes', ...groups],
    access: 'any_caller',
    ownership: 'none',
    reachesProvider: true,
  }) as const satisfies RoutePolicy;

const openAi = llm('openai_routes');
const anthropic = llm('anthropic_routes');

const modelList = {
  groups: ['llm_api_routes', 'openai_routes', 'info_routes'],
  access: 'any_caller',
  ownership: 'visible_models',
  reachesProvider: false,
} as const satisfies RoutePolicy;

const oneModel = {
  groups: ['llm_api_routes', 'model_info_routes', 'internal_user_routes'],
  access: 'any_caller',
  ownership: 'visible_models',
  reachesProvider: false,
} as const satisfies RoutePolicy;

const probe = {
  groups: ['public_routes'],
  access: 'public',
  ownership: 'none',
  reachesProvider: false,
  anyNetwork: true,
} as const satisfies RoutePolicy;

const meta = {
  groups: ['public_routes'],
  access: 'public',
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

const KEY_GROUPS = ['key_management_routes', 'management_routes', 'internal_user_routes'] as const;
const KEY_WRITERS = ['proxy_admin', 'org_admin', 'internal_user'] as const;

const keyWrite = (audits: NonNullable<RoutePolicy['audits']>) =>
  ({
    groups: KEY_GROUPS,
    access: KEY_WRITERS,
    ownership: 'own_keys',
    reachesProvider: false,
    audits,
  }) as const satisfies RoutePolicy;

const keyRead = {
  groups: ['info_routes', ...KEY_GROUPS],
  access: 'any_caller',
  ownership: 'own_keys',
  reachesProvider: false,
} as const satisfies RoutePolicy;

const manage = (access: readonly Role[], audits: NonNullable<RoutePolicy['audits']>) =>
  ({
    groups: ['management_routes'],
    access,
    ownership: 'none',
    reachesProvider: false,
    audits,
  }) as const satisfies RoutePolicy;

/**
 * Every route of the product and who may call it, in one table: guards, documents and tests are made from it. A handler
 * names its row with `@Handles(...)`; a handler without a row is refused at run time and stops the start.
 * `{x}` stands for one path segment.
 */
export const POLICY = {
  'POST /v1/chat/completions': openAi,
  'POST /chat/completions': openAi,
  'POST /engines/{model}/chat/completions': openAi,
  'POST /openai/deployments/{model}/chat/completions': openAi,
  'POST /v1/completions': openAi,
  'POST /completions': openAi,
  'POST /openai/deployments/{model}/completions': openAi,
  'POST /v1/embeddings': openAi,
  'POST /embeddings': openAi,
  'POST /openai/deployments/{model}/embeddings': openAi,
  'POST /v1/responses': openAi,
  'POST /responses': openAi,
  'POST /openai/v1/responses': openAi,
  'POST /v1/messages': anthropic,

  'GET /v1/models': modelList,
  'GET /models': modelList,
  'GET /v1/models/{id}': oneModel,
  'GET /models/{id}': oneModel,

  'POST /key/generate': keyWrite('key.created'),
  'POST /key/update': keyWrite('key.updated'),
  'POST /key/delete': keyWrite('key.deleted'),
  'DELETE /key/delete': keyWrite('key.deleted'),
  'POST /key/block': keyWrite('key.blocked'),
  'POST /key/unblock': keyWrite('key.unblocked'),
  'POST /key/{key}/regenerate': keyWrite('key.rotated'),
  'POST /key/regenerate': keyWrite('key.rotated'),
  'GET /key/info': keyRead,
  'GET /key/list': keyRead,
  'POST /v2/key/info': keyRead,

  'POST /user/new': manage(['proxy_admin'], 'user.created'),
  'GET /user/info': {
    groups: ['info_routes', 'management_routes'],
    access: 'any_caller',
    ownership: 'own_user',
    reachesProvider: false,
  },

  'POST /team/new': manage(['proxy_admin', 'org_admin'], 'team.created'),
  'POST /team/block': manage(['proxy_admin', 'org_admin'], 'team.blocked'),
  'POST /team/unblock': manage(['proxy_admin', 'org_admin'], 'team.unblocked'),
  'GET /team/info': {
    groups: ['info_routes', 'management_routes'],
    access: 'any_caller',
    ownership: 'own_teams',
    reachesProvider: false,
  },

  'GET /spend/logs': {
    groups: ['spend_tracking_routes', 'key_management_routes', 'management_routes', 'internal_user_routes'],
    access: [
      'proxy_admin',
      'proxy_admin_viewer',
      'org_admin',
      'internal_user',
      'internal_user_viewer',
      'customer',
    ],
    ownership: 'own_spend',
    reachesProvider: false,
  },

  'GET /health/liveliness': probe,
  'GET /health/liveness': probe,
  'GET /health/readiness': probe,
  'GET /metrics': { groups: [], access: 'metrics', ownership: 'none', reachesProvider: false },
  'GET /': meta,
  'GET /routes': meta,
  'GET /test': meta,
} as const satisfies Record<`${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /${string}`, RoutePolicy>;

export type RouteId = keyof typeof POLICY;

/** The row of a route, in the table's general type. */
export function policyOf(route: RouteId): RoutePolicy {
  return POLICY[route];
}

/** `POST /key/{key}/regenerate` as method and router path: `POST`, `/key/:key/regenerate`. */
export function routerPathOf(route: RouteId): { method: string; path: string } {
  const space = route.indexOf(' ');
  return { method: route.slice(0, space), path: route.slice(space + 1).replaceAll(/\{(\w+)\}/g, ':$1') };
}
