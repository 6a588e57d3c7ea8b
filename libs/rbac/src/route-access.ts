import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import {
  type Denial,
  type ErrorCode,
  GatewayError,
  type Principal,
  PROXY_SCOPE,
  type Role,
} from '#libs/kernel';
import { findMatch, pathOf } from './allowed-routes.js';
import { roleField } from './model-access.js';
import { openingsOf } from './public-routes.js';
import { POLICY, policyOf, type RouteId, type RoutePolicy } from './policy.js';

/** `via`: the first thing that let the caller in, for the log. */
export type RouteDecision =
  | { readonly allowed: true; readonly via: 'public' | 'any_caller' | 'role' | 'key_route_grant' }
  | { readonly allowed: false; readonly reason: RouteRefusal; readonly route: RouteId };

/** Which list said no; the first one, in the order of asking. */
export type RouteRefusal =
  /** `general_settings.allowed_routes` does not list it. */
  | 'proxy_route_closed'
  /** DISABLE_ADMIN_ENDPOINTS or DISABLE_LLM_API_ENDPOINTS. */
  | 'endpoints_disabled'
  /** `general_settings.admin_only_routes`. */
  | 'reserved_for_admins'
  /** The key's own `allowed_routes`. */
  | 'key_route_denied'
  /** What the credential itself is narrowed to (a token's routes). */
  | 'credential_route_denied'
  /** What the operator narrowed the role to. */
  | 'role_narrowed'
  /** A role that only reads. */
  | 'read_only_role'
  | 'role_denied';

const PUBLIC: RouteDecision = { allowed: true, via: 'public' };
const ANY_CALLER: RouteDecision = { allowed: true, via: 'any_caller' };
const BY_ROLE: RouteDecision = { allowed: true, via: 'role' };
const BY_KEY: RouteDecision = { allowed: true, via: 'key_route_grant' };

/** Decides which routes a caller may reach. Pure per (route, principal); everything that depends on configuration is prepared once. */
@Injectable()
export class RouteAccess {
  readonly #closed = new Map<RouteId, RouteDecision>();
  readonly #disabled = new Map<RouteId, RouteDecision>();
  #reserved: ReadonlySet<string> = new Set();
  #settings: Config['auth'];
  readonly #metricsOpen: boolean;
  /** What the operator opened; `assertOpeningsSafe` has looked at it before anything starts. */
  readonly #opened: ReadonlySet<RouteId>;

  constructor(private readonly config: Config) {
    this.#settings = config.auth;
    this.#prepareAuth();
    for (const route of Object.keys(POLICY) as RouteId[]) {
      const policy = policyOf(route);
      const isOff = config.server.disableLlmEndpoints ? policy.reachesProvider : false;
      const isAdminOff = config.server.disableAdminEndpoints ? isAdminRoute(policy) : false;
      if (isOff || isAdminOff)
        this.#disabled.set(route, { allowed: false, reason: 'endpoints_disabled', route });
    }
    this.#metricsOpen = !config.metrics.requireAuth;
    this.#opened = openingsOf(config).routes;
  }

  /** Whether the route is answered without a credential. */
  isPublic(route: RouteId): boolean {
    const { access } = policyOf(route);
    return access === 'public' || (access === 'metrics' && this.#metricsOpen);
  }

  /** Whether the operator lets callers without a credential in, who are then nobody in particular (`public_routes`). */
  isOpened(route: RouteId): boolean {
    return this.#opened.size > 0 && this.#opened.has(route) && policyOf(route).mayBePublic === true;
  }

  /** What no caller can change, so it is asked before the credential is looked at. It binds the master key too. */
  decideProxyWide(route: RouteId): RouteDecision {
    this.#refresh();
    return this.#closed.get(route) ?? PUBLIC;
  }

  /** Whether this caller may reach the route's handler; what the handler owns (whose rows) is its own to check. */
  decide(route: RouteId, principal: Principal): RouteDecision {
    this.#refresh();
    const off = this.#closed.get(route) ?? this.#disabled.get(route);
    if (off) return off;
    if (this.isPublic(route)) return PUBLIC;
    if (principal.credential === 'anonymous')
      return this.isOpened(route) ? PUBLIC : { allowed: false, reason: 'role_denied', route };
    const isAdmin = principal.role === 'proxy_admin';
    if (!isAdmin && this.#reserved.size > 0 && this.#reserved.has(pathOf(route))) {
      return { allowed: false, reason: 'reserved_for_admins', route };
    }
    const entries = principal.key?.allowedRoutes;
    const match = entries === undefined || entries.length === 0 ? undefined : findMatch(entries, route);
    if (entries !== undefined && entries.length > 0 && match === undefined) {
      return { allowed: false, reason: 'key_route_denied', route };
    }
    if (principal.roleRoutes?.some((list) => findMatch(list, route) === undefined) === true) {
      return { allowed: false, reason: 'role_narrowed', route };
    }
    const { access } = policyOf(route);
    const isReachable =
      access !== 'public' &&
      (typeof access === 'string' || isAdmin || match === 'path' || access.includes(principal.role));
    // After the role's word: who may not come here at all is told so.
    if (
      isReachable &&
      principal.credentialRoutes?.some((list) => findMatch(list, route) === undefined) === true
    ) {
      return { allowed: false, reason: 'credential_route_denied', route };
    }
    if (access === 'any_caller' || access === 'metrics') return ANY_CALLER;
    if (isAdmin || (access !== 'public' && access.includes(principal.role))) return BY_ROLE;
    // Only an administrator can put a path on a key, so a path there is a grant (SCIM keys live from this).
    if (match === 'path') return BY_KEY;
    return {
      allowed: false,
      reason: principal.role === 'proxy_admin_viewer' ? 'read_only_role' : 'role_denied',
      route,
    };
  }

  /** The lists can change while it runs; one comparison tells. */
  #refresh(): void {
    if (this.#settings === this.config.auth) return;
    this.#settings = this.config.auth;
    this.#prepareAuth();
  }

  #prepareAuth(): void {
    const { allowedRoutes, adminOnlyRoutes } = this.#settings;
    this.#closed.clear();
    this.#reserved = new Set(adminOnlyRoutes);
    if (allowedRoutes === undefined) return;
    const open = new Set(allowedRoutes);
    for (const route of Object.keys(POLICY) as RouteId[]) {
      if (!open.has(pathOf(route)) && policyOf(route).access !== 'public')
        this.#closed.set(route, { allowed: false, reason: 'proxy_route_closed', route });
    }
  }
}

function isAdminRoute(policy: RoutePolicy): boolean {
  const isLlm = policy.reachesProvider || policy.ownership === 'visible_models';
  return !isLlm && policy.access !== 'public' && policy.access !== 'metrics';
}

/** Throws the error a refused caller sees; does nothing when the decision allows. */
export function assertRouteAllowed(decision: RouteDecision, principal?: Principal): void {
  if (decision.allowed) return;
  throw routeRefusal(decision.reason, decision.route, principal);
}

function routeRefusal(reason: RouteRefusal, route: RouteId, principal: Principal | undefined): GatewayError {
  const path = pathOf(route);
  const role = principal?.role ?? 'unknown';
  const refuse = (code: ErrorCode, message: string, detail?: string): GatewayError =>
    new GatewayError(code, message, {
      param: 'None',
      denial: denialOf(code, reason, route, principal),
      ...(detail === undefined ? {} : { detail }),
    });
  switch (reason) {
    case 'proxy_route_closed':
      return refuse('rbac.route_denied', `Access forbidden: this proxy does not serve ${path}.`);
    case 'endpoints_disabled': {
      const message = `${path} is switched off on this instance.`;
      return refuse('rbac.route_denied', message, message);
    }
    case 'reserved_for_admins':
      return refuse('rbac.route_denied', `Access forbidden: ${path} is reserved for proxy administrators.`);
    case 'key_route_denied': {
      const allowed = principal?.key?.allowedRoutes?.join(', ') ?? '';
      const message = `Virtual key is not allowed to call this route. Allowed: [${allowed}]. Asked for: ${path}`;
      return refuse('rbac.route_denied', message, message);
    }
    case 'credential_route_denied': {
      const allowed = principal?.credentialRoutes?.map((list) => list.join(', ')).join('] and [') ?? '';
      const message = `This token is not allowed to call this route. Allowed: [${allowed}]. Asked for: ${path}`;
      // The contract's answer to an administrator's token on other routes.
      return role === 'proxy_admin'
        ? refuse('rbac.admin_only', `Authentication Error, ${message}`)
        : refuse('rbac.route_denied', message, message);
    }
    case 'read_only_role':
      return refuse('rbac.forbidden', `user not allowed to access this route, role=${role}. Route=${path}`);
    case 'role_narrowed':
    case 'role_denied':
      return refuse(
        'rbac.admin_only',
        `Authentication Error, Only proxy admin can be used to generate or change this. Route=${path}, role=${role}, user_id=${maskedUser(principal)}`,
      );
  }
}

/** Which of the lists said no, and the least that would make it say yes. */
function denialOf(
  code: ErrorCode,
  reason: RouteRefusal,
  route: RouteId,
  principal: Principal | undefined,
): Denial {
  const path = pathOf(route);
  switch (reason) {
    case 'proxy_route_closed':
    case 'endpoints_disabled':
    case 'reserved_for_admins': {
      const field = SETTINGS[reason];
      return {
        code,
        scope: PROXY_SCOPE,
        wouldAllow: `The operator changes ${field}.`,
        change: { action: 'configure', scope: PROXY_SCOPE, field, value: path },
      };
    }
    case 'key_route_denied': {
      const scope = { type: 'key', id: principal?.key?.id ?? '' } as const;
      return {
        code,
        scope,
        wouldAllow: `Add ${path} to the allowed_routes of the key.`,
        change: { action: 'allow_route', scope, field: 'allowed_routes', value: path },
      };
    }
    case 'credential_route_denied':
      return {
        code,
        wouldAllow: `Use a token that is allowed ${path}.`,
        change: { action: 'allow_route', field: 'token', value: path },
      };
    case 'role_narrowed':
      return {
        code,
        wouldAllow: `Add ${path} to the routes of the role.`,
        change: {
          action: 'allow_route',
          field: roleField(principal?.customRole ?? principal?.role ?? ''),
          value: path,
        },
      };
    case 'read_only_role':
    case 'role_denied': {
      const role = leastRoleOf(route);
      const { user } = principal ?? {};
      return {
        code,
        wouldAllow: `Give the user the role ${role}.`,
        change: {
          action: 'grant_role',
          ...(user === undefined ? {} : { scope: { type: 'user', id: user.id } }),
          field: 'user_role',
          value: role,
        },
      };
    }
  }
}

const SETTINGS = {
  proxy_route_closed: 'general_settings.allowed_routes',
  endpoints_disabled: 'DISABLE_ADMIN_ENDPOINTS or DISABLE_LLM_API_ENDPOINTS',
  reserved_for_admins: 'general_settings.admin_only_routes',
} as const;

/** Roles that can be given to a person, the weakest first. */
const GIVEN: readonly Role[] = [
  'internal_user_viewer',
  'internal_user',
  'org_admin',
  'proxy_admin_viewer',
  'proxy_admin',
];

function leastRoleOf(route: RouteId): Role {
  const { access } = policyOf(route);
  return GIVEN.find((role) => typeof access !== 'string' && access.includes(role)) ?? 'proxy_admin';
}

/** First six and last two characters: enough for the caller to know which account it used, too little for others. */
function maskedUser(principal: Principal | undefined): string {
  const id = principal?.user?.id;
  if (id === undefined) return 'unknown';
  return id.length <= 8
    ? '*'.repeat(id.length)
    : `${id.slice(0, 6)}${'*'.repeat(Math.min(id.length - 8, 8))}${id.slice(-2)}`;
}
