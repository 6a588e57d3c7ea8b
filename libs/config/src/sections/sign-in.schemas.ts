import { z } from 'zod';
import { flag, listOf, secondsAsMs, text } from './fields.js';

/** How people and programs sign in without a virtual key: the flat settings of `general_settings`. */
export const signInSettings = {
  enable_jwt_auth: flag,
  /** Checked by `checkJwtSettings`, read by `readSignIn`. */
  litellm_jwtauth: z.record(z.string(), z.unknown()),
  jwt_public_key_url: listOf(text),
  jwt_audience: listOf(text),
  jwt_issuer: text,
  jwt_admin_scope: listOf(text),
  user_allowed_email_domain: text,
  enforce_rbac: flag,
  enable_oauth2_auth: flag,
  oauth_token_info_endpoint: text,
  oauth_client_id: text,
  oauth_client_secret: text,
  oauth_user_id_field_name: text,
  oauth_user_role_field_name: text,
  oauth_user_team_id_field_name: text,
  oauth_cache_ttl: secondsAsMs,
  enable_oauth2_proxy_auth: flag,
  oauth2_config_mappings: z.record(z.string(), text),
  iap_jwt_audience: text,
  custom_auth: text,
  custom_auth_settings: z.object({ mode: z.enum(['on', 'off', 'auto']).optional() }),
  custom_auth_run_common_checks: flag,
};
