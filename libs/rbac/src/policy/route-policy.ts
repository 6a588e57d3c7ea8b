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
  'scim_routes',
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
  /** People whose accounts the caller's organizations made. */
  | 'own_people'
  /** Organizations the caller is a member of; to change them, those it administers. */
  | 'own_organizations'
  /** Spend of the caller, its key or its customer. */
  | 'own_spend'
  /** Refusals of the caller itself, or of an organization it administers. */
  | 'own_decisions'
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
  /** An operator may open it to callers without a credential (`public_routes`): it changes nothing, shows nobody's rows and reaches no provider. */
  readonly mayBePublic?: true;
  /** Clients of its family read what went wrong in `detail`, so it stands there beside `error` (contract/admin-api 0.3, E2). */
  readonly tellsDetail?: true;
}

/** Rows of the policy table, by `METHOD /path`. */
export type RouteRows = Readonly<
  Record<`${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /${string}`, RoutePolicy>
>;

/** Rows of a family whose clients read `detail`. */
export function tellingDetail<const T extends RouteRows>(
  rows: T,
): { readonly [K in keyof T]: T[K] & { readonly tellsDetail: true } } {
  const told = Object.entries<RoutePolicy>(rows).map(([route, row]) => [
    route,
    { ...row, tellsDetail: true },
  ]);
  return Object.fromEntries(told) as { [K in keyof T]: T[K] & { tellsDetail: true } };
}
