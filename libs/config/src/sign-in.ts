import { dirname } from 'node:path';
import type { z } from 'zod';
import { Secret } from '#libs/kernel';
import { type BrowserSettings, readBrowserSettings } from './browser-settings.js';
import type { Environment } from './environment.js';
import { moduleReference, type ModuleReference } from './operator-module.js';
import type { Findings } from './problems.js';
import { jwtAuth } from './sections/jwt-auth.schemas.js';
import type { Sections } from './sections.js';
import { readSingleSignOn, type SsoSettings } from './single-sign-on.js';

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

/** RFC 7662 introspection, or a token-info endpoint that takes the token as a bearer (contract/auth 4.1). */
export interface OAuth2Settings {
  readonly endpoint: string;
  readonly clientId?: string;
  readonly clientSecret?: Secret;
  readonly userIdField: string;
  readonly roleField: string;
  readonly teamIdField: string;
  /** As for signed tokens. */
  readonly scopeMappings?: readonly ScopeMapping[];
  /** A token is asked about again after this at the latest. */
  readonly cacheTtlMs: number;
}

export const PROXY_HEADER_FIELDS = [
  'user_id',
  'user_email',
  'team_id',
  'team_alias',
  'org_id',
  'models',
  'max_budget',
] as const;
export type ProxyHeaderField = (typeof PROXY_HEADER_FIELDS)[number];

/** Identity in headers that a trusted proxy sets (contract/auth 4.2). */
export interface ProxyHeaderSettings {
  /** Field -> header name, lower-case. */
  readonly headers: Readonly<Partial<Record<ProxyHeaderField, string>>>;
  /** Set: `x-goog-iap-jwt-assertion` must be there, signed by Google for this audience. */
  readonly iapAudience?: string;
  /** Where the keys of that signature are. */
  readonly iapKeysUrl: string;
}

export interface CustomAuthSettings {
  readonly module: ModuleReference;
  /** `on`: only it decides. `auto`: it is asked first, and `null` goes on to the other methods. */
  readonly mode: 'on' | 'auto';
}

export interface SignInSettings {
  readonly jwt?: JwtSettings;
  readonly oauth2?: OAuth2Settings;
  readonly proxyHeaders?: ProxyHeaderSettings;
  readonly custom?: CustomAuthSettings;
  /** People in a browser, and the sessions they get. */
  readonly browser: BrowserSettings;
  readonly sso: SsoSettings;
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
const IAP_KEYS = 'https://www.gstatic.com/iap/verify/public_key-jwk';
const OAUTH2_CACHE_MS = 60_000;

/** Which other ways in there are. Environment and nested block win over the flat spellings. */
export function readSignIn(
  sections: Sections,
  environment: Environment,
  configFile: string | undefined,
  findings: Findings,
): SignInSettings {
  const { general } = sections;
  const folder = configFile === undefined ? process.cwd() : dirname(configFile);
  return {
    ...(general.enable_jwt_auth === true ? { jwt: readJwt(general, environment, folder, findings) } : {}),
    ...(general.enable_oauth2_auth === true ? readOAuth2(general, environment, findings) : {}),
    ...(general.enable_oauth2_proxy_auth === true
      ? { proxyHeaders: readProxyHeaders(general, findings) }
      : {}),
    ...readCustom(general, folder, findings),
    browser: readBrowserSettings(sections, environment, findings),
    sso: readSingleSignOn(sections, environment, folder, findings),
  };
}

type General = Sections['general'];

function readJwt(
  general: General,
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
function readOptions(general: General): JwtOptions {
  const parsed = jwtAuth.safeParse(withoutNulls(general.litellm_jwtauth ?? {}));
  return parsed.success ? parsed.data : {};
}

function readScopeMappings(
  general: General,
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

function readOAuth2(
  general: General,
  environment: Environment,
  findings: Findings,
): { oauth2?: OAuth2Settings } {
  const endpoint = environment.get('OAUTH_TOKEN_INFO_ENDPOINT') ?? general.oauth_token_info_endpoint;
  if (endpoint === undefined) {
    findings.error(
      'general_settings.oauth_token_info_endpoint',
      'enable_oauth2_auth needs it (or OAUTH_TOKEN_INFO_ENDPOINT)',
    );
    return {};
  }
  const clientId = environment.get('OAUTH_CLIENT_ID') ?? general.oauth_client_id;
  const clientSecret = environment.get('OAUTH_CLIENT_SECRET') ?? general.oauth_client_secret;
  return {
    oauth2: {
      endpoint,
      ...(clientId === undefined ? {} : { clientId }),
      ...(clientSecret === undefined ? {} : { clientSecret: new Secret(clientSecret) }),
      userIdField: environment.get('OAUTH_USER_ID_FIELD_NAME') ?? general.oauth_user_id_field_name ?? 'sub',
      roleField:
        environment.get('OAUTH_USER_ROLE_FIELD_NAME') ?? general.oauth_user_role_field_name ?? 'role',
      teamIdField:
        environment.get('OAUTH_USER_TEAM_ID_FIELD_NAME') ??
        general.oauth_user_team_id_field_name ??
        'team_id',
      // With signed tokens on, their reading has told what is wrong with these.
      ...readScopeMappings(general, general.enable_jwt_auth === true ? undefined : findings),
      cacheTtlMs: general.oauth_cache_ttl ?? OAUTH2_CACHE_MS,
    },
  };
}

function readProxyHeaders(general: General, findings: Findings): ProxyHeaderSettings {
  const path = 'general_settings.oauth2_config_mappings';
  if ((general.trusted_proxy_ranges ?? []).length === 0) {
    findings.error(
      'general_settings.enable_oauth2_proxy_auth',
      'anybody could write these headers: name the proxy that sets them, for one on this machine with trusted_proxy_ranges: ["127.0.0.1"]',
    );
  }
  const headers: Partial<Record<ProxyHeaderField, string>> = {};
  for (const [field, header] of Object.entries(general.oauth2_config_mappings ?? {})) {
    const known = PROXY_HEADER_FIELDS.find((one) => one === field);
    if (known === undefined)
      findings.error(`${path}.${field}`, `expected one of ${PROXY_HEADER_FIELDS.join(', ')}`);
    else headers[known] = header.toLowerCase();
  }
  if (headers.user_id === undefined && headers.user_email === undefined && headers.team_id === undefined)
    findings.error(path, 'needs a header for user_id, user_email or team_id');
  return {
    headers,
    iapKeysUrl: general.iap_jwt_public_key_url ?? IAP_KEYS,
    ...(general.iap_jwt_audience === undefined ? {} : { iapAudience: general.iap_jwt_audience }),
  };
}

function readCustom(general: General, folder: string, findings: Findings): { custom?: CustomAuthSettings } {
  const mode = general.custom_auth_settings?.mode ?? 'on';
  if (general.custom_auth === undefined || mode === 'off') return {};
  const { module } = moduleMember(
    'module',
    general.custom_auth,
    folder,
    'general_settings.custom_auth',
    findings,
  );
  return module === undefined ? {} : { custom: { module, mode } };
}

function moduleMember<Name extends string>(
  name: Name,
  text: string,
  folder: string,
  path: string,
  findings: Findings,
): Partial<Record<Name, ModuleReference>> {
  const module = moduleReference(text, folder, path, findings);
  return (module === undefined ? {} : { [name]: module }) as Partial<Record<Name, ModuleReference>>;
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
