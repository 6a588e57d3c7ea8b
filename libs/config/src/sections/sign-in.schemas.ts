import { z } from 'zod';
import { count, flag, listOf, positiveCount, secondsAsMs, text } from './fields.js';

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
  iap_jwt_public_key_url: text,
  custom_auth: text,
  custom_auth_settings: z.object({ mode: z.enum(['on', 'off', 'auto']).optional() }),
  custom_auth_run_common_checks: flag,
  control_plane_url: text,
  allow_cli_sso_verification_uri_complete: flag,
  disable_env_credential_login: flag,
  disable_password_login_when_sso_enabled: flag,
  /** The contract's floor. */
  password_policy_min_length: count.pipe(z.number().min(8, 'expected at least 8').max(256)),
  password_policy_require_uppercase: flag,
  password_policy_require_lowercase: flag,
  password_policy_require_numbers: flag,
  password_policy_require_special_characters: flag,
  max_failed_login_attempts_per_source: positiveCount,
  /** Range -> attempts; 0 exempts it. */
  max_failed_login_attempts_per_source_overrides: z.record(z.string(), count),
  failed_login_window_seconds: secondsAsMs,
  failed_login_block_seconds: secondsAsMs,
  custom_sso: text,
  custom_ui_sso_sign_in_handler: text,
  ui_access_mode: z.union([
    z.enum(['all', 'admin_only']),
    z.strictObject({
      type: z.literal('restricted_sso_group'),
      restricted_sso_group: text,
      sso_group_jwt_field: text.optional(),
    }),
  ]),
};
