import { Injectable } from '@nestjs/common';
import { Config, type PassThroughEndpoint } from '#libs/config';
import { type Denial, GatewayError, type Principal, PROXY_SCOPE } from '#libs/kernel';
import { pathCovers } from './allowed-routes.js';

export type PassThroughDecision =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      readonly reason:
        | 'proxy_route_closed'
        | 'endpoints_disabled'
        | 'reserved_for_admins'
        | 'key_route_denied'
        | 'credential_route_denied'
        | 'role_denied'
        | 'denied_by_list'
        | 'not_granted';
    };

type RefusalReason = Extract<PassThroughDecision, { allowed: false }>['reason'];

const ALLOWED: PassThroughDecision = Object.freeze({ allowed: true });
/** The group that admits every endpoint, without granting any (contract/auth 6.5). */
const GROUP = 'llm_api_routes';

/**
 * Who may call a pass-through endpoint (contract/auth 6.8). Whoever is no proxy administrator needs a grant that names its
 * path: `allowed_passthrough_routes` of the key or else its team, a path in the key's `allowed_routes`, or a path in what a
 * token's routes say. Lists only narrow otherwise, and `denied_passthrough_routes` wins over everything.
 */
@Injectable()
export class PassThroughAccess {
  constructor(private readonly config: Config) {}

  /** What no caller can change: asked before the credential is looked at, and of callers without one too. */
  decideProxyWide({ path }: PassThroughEndpoint): PassThroughDecision {
    const { allowedRoutes } = this.config.auth;
    if (allowedRoutes !== undefined && !allowedRoutes.includes(path)) return refused('proxy_route_closed');
    if (this.config.server.disableLlmEndpoints) return refused('endpoints_disabled');
    return ALLOWED;
  }

  /** `calledPath`: the path as it came, below the endpoint's; in one spelling, see `targetPathOf`. */
  decide(endpoint: PassThroughEndpoint, calledPath: string, principal: Principal): PassThroughDecision {
    const isAdmin = principal.role === 'proxy_admin';
    if (!isAdmin && this.config.auth.adminOnlyRoutes.includes(endpoint.path))
      return refused('reserved_for_admins');
    const byKey = matchOf(principal.key?.allowedRoutes, calledPath);
    if (byKey === 'none') return refused('key_route_denied');
    // Each of a token's lists binds by itself; one that names the path is a grant.
    const byCredential = (principal.credentialRoutes ?? []).map((list) =>
      list.length === 0 ? 'none' : matchOf(list, calledPath),
    );
    if (byCredential.includes('none')) return refused('credential_route_denied');
    // An empty list of a role leaves nothing.
    if (
      principal.roleRoutes?.some((list) => list.length === 0 || matchOf(list, calledPath) === 'none') === true
    )
      return refused('role_denied');
    const lists = principal.passThrough;
    if (lists?.denied.some((entry) => entry === '/' || pathCovers(entry, calledPath)))
      return refused('denied_by_list');
    const isGranted =
      isAdmin ||
      byKey === 'path' ||
      byCredential.includes('path') ||
      lists?.allowed.some((entry) => pathCovers(entry, calledPath)) === true;
    return isGranted ? ALLOWED : refused('not_granted');
  }
}

/** `unlisted`: there is no list, or an empty one. */
function matchOf(
  entries: readonly string[] | undefined,
  path: string,
): 'path' | 'group' | 'none' | 'unlisted' {
  if (entries === undefined || entries.length === 0) return 'unlisted';
  if (entries.some((entry) => entry !== '/*' && pathCovers(entry, path))) return 'path';
  return entries.some((entry) => entry === '*' || entry === '/*' || entry === GROUP) ? 'group' : 'none';
}

function refused(reason: RefusalReason): PassThroughDecision {
  return { allowed: false, reason };
}

/** Throws the 403 a refused caller sees. */
export function assertPassThroughAllowed(
  decision: PassThroughDecision,
  { path }: Pick<PassThroughEndpoint, 'path'>,
  principal?: Principal,
): void {
  if (decision.allowed) return;
  const message = MESSAGES[decision.reason].replace('{path}', path);
  throw new GatewayError('rbac.route_denied', message, {
    param: 'None',
    detail: message,
    denial: denialOf(decision.reason, path, principal),
  });
}

/** Which list said no, and the least that would make it say yes. */
function denialOf(reason: RefusalReason, path: string, principal: Principal | undefined): Denial {
  const code = 'rbac.route_denied';
  const setting = SETTINGS[reason];
  if (setting !== undefined)
    return {
      code,
      scope: PROXY_SCOPE,
      wouldAllow: `The operator changes ${setting}.`,
      change: { action: 'configure', scope: PROXY_SCOPE, field: setting, value: path },
    };
  const key = principal?.key;
  if (key === undefined) return { code, wouldAllow: `A key or team whose lists allow ${path}.` };
  const scope = { type: 'key', id: key.id } as const;
  const field = FIELDS[reason] ?? 'allowed_passthrough_routes';
  return {
    code,
    scope,
    wouldAllow: `A proxy administrator changes ${field} of the key.`,
    change: { action: 'allow_route', scope, field, value: path },
  };
}

const SETTINGS: Partial<Record<RefusalReason, string>> = {
  proxy_route_closed: 'general_settings.allowed_routes',
  endpoints_disabled: 'DISABLE_LLM_API_ENDPOINTS',
  reserved_for_admins: 'general_settings.admin_only_routes',
};
const FIELDS: Partial<Record<RefusalReason, string>> = {
  key_route_denied: 'allowed_routes',
  denied_by_list: 'denied_passthrough_routes',
};

const MESSAGES: Readonly<Record<RefusalReason, string>> = {
  proxy_route_closed: 'Access forbidden: this proxy does not serve {path}.',
  endpoints_disabled: '{path} is switched off on this instance.',
  reserved_for_admins: 'Access forbidden: {path} is reserved for proxy administrators.',
  key_route_denied: 'Virtual key is not allowed to call this route: {path}.',
  credential_route_denied: 'This token is not allowed to call this route: {path}.',
  role_denied: 'The role of this caller does not reach this route: {path}.',
  denied_by_list:
    'Access forbidden: `denied_passthrough_routes` of the key or its team closes this path below {path}.',
  not_granted:
    'Access forbidden: the pass-through endpoint {path} needs a grant. A proxy administrator can add it to `allowed_passthrough_routes` of the key or its team.',
};
