import { Secret } from '#libs/kernel';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';
import { type ScopeMapping, readScopeMappings } from './jwt-auth.js';

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

const OAUTH2_CACHE_MS = 60_000;

export function readOAuth2(
  general: Sections['general'],
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
