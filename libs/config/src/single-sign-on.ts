import { type CopiedClaim, readClaimMap } from './claim-map.js';
import type { Environment } from './environment.js';
import { moduleReference, type ModuleReference } from './operator-module.js';
import type { Findings } from './problems.js';
import { readSaml, type SamlSettings } from './saml.js';
import type { Sections } from './sections.js';
import { readProvider, type SsoProvider } from './sso-provider.js';

/** `ui_access_mode`: who of those who prove their identity may use the admin plane. */
export type ConsoleAccess =
  | { readonly to: 'all' }
  | { readonly to: 'admins' }
  | { readonly to: 'group'; readonly group: string; readonly claim?: string };

export interface SsoSettings {
  readonly provider?: SsoProvider;
  /** The SAML provider; the OpenID provider comes first. */
  readonly saml?: SamlSettings;
  /** Lower-case, whole; absent: every domain. */
  readonly allowedEmailDomains?: readonly string[];
  readonly access: ConsoleAccess;
  /** Claims that name teams, from `litellm_jwtauth`. */
  readonly teamClaims: readonly string[];
  /** Memberships that the provider does not name any more end (`sync_user_role_and_teams`). */
  readonly syncsTeams: boolean;
  /** Claims that are kept in the metadata of their user (`CLI_SSO_CLAIM_MAP`). */
  readonly copiedClaims: readonly CopiedClaim[];
  /** `custom_sso`: the operator's word on who somebody becomes here. */
  readonly handler?: ModuleReference;
  /** `custom_ui_sso_sign_in_handler`: reads who it is from headers of a trusted proxy. */
  readonly headerHandler?: ModuleReference;
  /** `ENABLE_SSO_DEBUG`. */
  readonly debug: boolean;
}

/** Single sign-on, from the environment and the file alone. */
export function readSingleSignOn(
  { general }: Sections,
  environment: Environment,
  folder: string,
  findings: Findings,
): SsoSettings {
  const provider = readProvider(environment, findings);
  const saml = readSaml(environment, findings);
  const domains = environment
    .list('ALLOWED_EMAIL_DOMAINS')
    ?.map((domain) => domain.toLowerCase().replace(/^@/, ''));
  const jwt: Readonly<Record<string, unknown>> = general.litellm_jwtauth ?? {};
  const access = readAccess(general.ui_access_mode);
  const claims = [jwt['team_id_jwt_field'], jwt['team_ids_jwt_field']].filter(
    (claim): claim is string => typeof claim === 'string',
  );
  if ((provider ?? saml) && environment.get('PROXY_BASE_URL') === undefined)
    findings.notice(
      'PROXY_BASE_URL',
      'is not set: people can only sign in from this machine, or through a proxy in trusted_proxy_ranges',
    );
  if (provider?.claims.id[0] === 'preferred_username' && environment.get('PROXY_ADMIN_ID') !== undefined)
    findings.notice(
      'PROXY_ADMIN_ID',
      'becomes an administrator by its preferred_username, which people may choose themselves at some providers; set GENERIC_USER_ID_ATTRIBUTE=sub',
    );
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(saml === undefined ? {} : { saml }),
    ...(domains === undefined ? {} : { allowedEmailDomains: domains }),
    access,
    teamClaims:
      access.to === 'group' && access.claim !== undefined ? [...new Set([...claims, access.claim])] : claims,
    syncsTeams: jwt['sync_user_role_and_teams'] === true,
    copiedClaims: readClaimMap(environment, findings),
    ...readHandlers(general, folder, findings),
    debug: environment.flag('ENABLE_SSO_DEBUG', findings) ?? false,
  };
}

function readHandlers(
  general: Sections['general'],
  folder: string,
  findings: Findings,
): Pick<SsoSettings, 'handler' | 'headerHandler'> {
  const read = (name: 'custom_sso' | 'custom_ui_sso_sign_in_handler'): ModuleReference | undefined => {
    const text = general[name];
    return text === undefined
      ? undefined
      : moduleReference(text, folder, `general_settings.${name}`, findings);
  };
  const handler = read('custom_sso');
  const headerHandler = read('custom_ui_sso_sign_in_handler');
  if (headerHandler && (general.trusted_proxy_ranges ?? []).length === 0)
    findings.error(
      'general_settings.custom_ui_sso_sign_in_handler',
      'anybody could write the headers it reads: name the proxy that sets them in trusted_proxy_ranges',
    );
  return {
    ...(handler === undefined ? {} : { handler }),
    ...(headerHandler === undefined ? {} : { headerHandler }),
  };
}

function readAccess(mode: Sections['general']['ui_access_mode']): ConsoleAccess {
  if (mode === undefined || mode === 'all') return { to: 'all' };
  if (mode === 'admin_only') return { to: 'admins' };
  return {
    to: 'group',
    group: mode.restricted_sso_group,
    ...(mode.sso_group_jwt_field === undefined ? {} : { claim: mode.sso_group_jwt_field }),
  };
}
