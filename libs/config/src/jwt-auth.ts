import type { z } from 'zod';
import type { Environment } from './environment.js';
import { type ModuleReference } from './operator-module.js';
import type { Findings } from './problems.js';
import { jwtAuth } from './sections/jwt-auth.schemas.js';
import type { Sections } from './sections.js';
import { moduleMember } from './operator-module.js';

export type JwtOptions = z.output<typeof jwtAuth>;

/** What tokens with a scope may call; `routes` as in `allowed_routes`. */
export type ScopeMapping = NonNullable<JwtOptions['scope_mappings']>[number];

/** `general_settings.enable_jwt_auth` and all that goes with it (contract/auth 3). */
export interface JwtSettings {
  /** JWKS or OpenID discovery documents; the body tells which. */
  readonly keyUrls: readonly string[];
  /** Empty: not checked. */
  readonly audiences: readonly string[];
  /** By how much `exp` and `nbf` may be missed. */
  readonly leewayMs: number;
  readonly issuer?: string;
  readonly adminScopes: readonly string[];
  readonly adminRoutes: readonly string[];
  readonly teamRoutes: readonly string[];
  /** Lower-case, whole. */
  readonly allowedEmailDomain?: string;
  /** Absent: scopes narrow nothing. */
  readonly scopeMappings?: readonly ScopeMapping[];
  /** `general_settings.enforce_rbac`: a token that names neither a user nor a team is refused. */
  readonly requiresUserOrTeam: boolean;
  readonly customValidate?: ModuleReference;
  /** The nested block as it was written. */
  readonly options: JwtOptions;
}

/** The contract's lists (auth 3.3). */
const ADMIN_ROUTES = [
  'management_routes',
  'spend_tracking_routes',
  'global_spend_tracking_routes',
  'info_routes',
];
const TEAM_ROUTES = [
  'openai_routes',
  'info_routes',
  'mcp_routes',
  '/v1/messages',
  '/v1/messages/count_tokens',
];
export function readJwt(
  general: Sections['general'],
  environment: Environment,
  folder: string,
  findings: Findings,
): JwtSettings {
  const options = readOptions(general);
  const keyUrls = environment.list('JWT_PUBLIC_KEY_URL') ?? general.jwt_public_key_url ?? [];
  const audiences = environment.list('JWT_AUDIENCE') ?? general.jwt_audience ?? [];
  const issuer = environment.get('JWT_ISSUER') ?? general.jwt_issuer;
  const domain = options.user_allowed_email_domain ?? general.user_allowed_email_domain;
  const path = 'general_settings.litellm_jwtauth';
  if (audiences.length === 0 && issuer === undefined && (options.issuers ?? []).length === 0) {
    findings.notice(
      'general_settings.enable_jwt_auth',
      'neither JWT_AUDIENCE nor JWT_ISSUER is set: any token signed by the same identity provider is accepted, also one made for another application',
    );
  }
  if (options.routing_overrides !== undefined && general.enable_oauth2_auth !== true)
    findings.error(`${path}.routing_overrides`, 'needs enable_oauth2_auth: true, where its tokens go');
  if ((options.user_roles_jwt_field === undefined) !== (options.user_allowed_roles === undefined))
    findings.error(
      `${path}.user_roles_jwt_field`,
      'user_roles_jwt_field and user_allowed_roles belong together',
    );
  if (options.object_id_jwt_field !== undefined && options.role_mappings === undefined)
    findings.error(`${path}.object_id_jwt_field`, 'needs role_mappings, which say what the object is');
  for (const [index, one] of (options.issuers ?? []).entries()) {
    if ((one.audience === undefined) === (one.disable_audience_validation !== true))
      findings.error(
        `${path}.issuers.${index}`,
        'needs either audience or disable_audience_validation: true',
      );
  }
  if (options.agent_id_jwt_field !== undefined)
    findings.unsupported(
      `${path}.agent_id_jwt_field`,
      'Mapping tokens to agents: not there yet. Remove it to start without.',
      true,
    );
  return {
    keyUrls,
    audiences,
    ...(issuer === undefined ? {} : { issuer }),
    leewayMs: readLeeway(options, environment, findings),
    adminScopes: options.admin_jwt_scope ?? general.jwt_admin_scope ?? ['litellm_proxy_admin'],
    adminRoutes: withShortForms(options.admin_allowed_routes ?? ADMIN_ROUTES),
    teamRoutes: withShortForms(options.team_allowed_routes ?? TEAM_ROUTES),
    ...(domain === undefined ? {} : { allowedEmailDomain: domain.toLowerCase() }),
    ...readScopeMappings(general, findings),
    requiresUserOrTeam: general.enforce_rbac ?? false,
    ...(options.custom_validate === undefined
      ? {}
      : moduleMember('customValidate', options.custom_validate, folder, `${path}.custom_validate`, findings)),
    options,
  };
}

/** What is wrong in it has been reported with its path by `checkJwtSettings`. */
function readOptions(general: Sections['general']): JwtOptions {
  const parsed = jwtAuth.safeParse(withoutNulls(general.litellm_jwtauth ?? {}));
  return parsed.success ? parsed.data : {};
}

export function readScopeMappings(
  general: Sections['general'],
  findings: Findings | undefined,
): { scopeMappings?: readonly ScopeMapping[] } {
  const { scope_mappings: mappings, enforce_scope_based_access: isOn } = readOptions(general);
  if (mappings === undefined) return {};
  if (isOn === true) return { scopeMappings: mappings };
  findings?.error(
    'general_settings.litellm_jwtauth.scope_mappings',
    'needs enforce_scope_based_access: true, or it would do nothing',
  );
  return {};
}

/** `JWT_LEEWAY` is in seconds, as the setting is. */
function readLeeway(options: JwtOptions, environment: Environment, findings: Findings): number {
  const written = environment.get('JWT_LEEWAY');
  if (written === undefined) return options.leeway ?? 0;
  const seconds = Number(written);
  if (Number.isFinite(seconds) && seconds >= 0) return Math.round(seconds * 1_000);
  findings.error('JWT_LEEWAY', 'expected a number of seconds, 0 or more');
  return 0;
}

/** `/v1/x` also admits `/x`. */
function withShortForms(routes: readonly string[]): string[] {
  return [
    ...new Set(routes.flatMap((route) => (route.startsWith('/v1/') ? [route, route.slice(3)] : [route]))),
  ];
}

function withoutNulls(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null && item !== undefined));
}
