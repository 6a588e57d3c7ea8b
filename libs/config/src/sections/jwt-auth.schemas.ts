import { z } from 'zod';
import { findNearestName } from '../nearest-name.js';
import type { Findings } from '../problems.js';
import { isPlainObject } from '../secret-values.js';
import { flag, secondsAsMs, text, textList } from './fields.js';
import { check } from './section.js';

const claim = text.optional();
const unregistered = z.enum(['fallback_team_mapping', 'reject', 'auto_register']).optional();

const issuer = z.strictObject({
  issuer: text,
  jwks_url: text.optional(),
  audience: textList.optional(),
  disable_audience_validation: flag.optional(),
  user_id_jwt_field: claim,
  user_email_jwt_field: claim,
  team_id_jwt_field: claim,
  team_ids_jwt_field: claim,
  org_id_jwt_field: claim,
  end_user_id_jwt_field: claim,
  virtual_key_claim_field: claim,
  unregistered_jwt_client_behavior: unregistered,
});

/** `general_settings.litellm_jwtauth`. Strict: a misspelt claim field would silently let the wrong people in. */
export const jwtAuth = z.strictObject({
  admin_jwt_scope: textList.optional(),
  admin_allowed_routes: textList.optional(),
  team_id_jwt_field: claim,
  team_ids_jwt_field: claim,
  team_alias_jwt_field: claim,
  org_alias_jwt_field: claim,
  team_id_default: text.optional(),
  team_id_upsert: flag.optional(),
  team_allowed_routes: textList.optional(),
  team_claim_fallback: flag.optional(),
  fallback_to_db_teams: flag.optional(),
  upsert_sso_user_to_team: flag.optional(),
  public_allowed_routes: textList.optional(),
  org_id_jwt_field: claim,
  user_id_jwt_field: claim,
  user_email_jwt_field: claim,
  end_user_id_jwt_field: claim,
  user_allowed_email_domain: text.optional(),
  user_roles_jwt_field: claim,
  user_allowed_roles: textList.optional(),
  user_id_upsert: flag.optional(),
  agent_id_jwt_field: claim,
  mcp_client_id_jwt_field: claim,
  public_key_ttl: secondsAsMs.optional(),
  public_key_stale_ttl: secondsAsMs.optional(),
  leeway: secondsAsMs.optional(),
  enforce_rbac: flag.optional(),
  roles_jwt_field: claim,
  role_mappings: z.array(z.strictObject({ role: text, internal_role: text })).optional(),
  object_id_jwt_field: claim,
  scope_mappings: z
    .array(z.strictObject({ scope: text, models: textList.optional(), routes: textList.optional() }))
    .optional(),
  enforce_scope_based_access: flag.optional(),
  enforce_team_based_model_access: flag.optional(),
  custom_validate: text.optional(),
  jwt_litellm_role_map: z.array(z.strictObject({ jwt_role: text, litellm_role: text })).optional(),
  sync_user_role_and_teams: flag.optional(),
  oidc_userinfo_endpoint: text.optional(),
  oidc_userinfo_enabled: flag.optional(),
  oidc_userinfo_cache_ttl: secondsAsMs.optional(),
  virtual_key_claim_field: claim,
  jwt_client_id_field: claim,
  virtual_key_mapping_cache_ttl: secondsAsMs.optional(),
  unregistered_jwt_client_behavior: unregistered,
  auto_register_map_existing_key: flag.optional(),
  routing_overrides: z
    .array(
      z.strictObject({
        iss: text,
        client_id: textList.optional(),
        scope: textList.optional(),
        aud: textList.optional(),
        path: z.literal('oauth2'),
      }),
    )
    .optional(),
  issuers: z.array(issuer).optional(),
});

/**
 * Checks the sign-in settings whose misspelling would change who gets in: unknown members are errors, with the nearest
 * known name.
 */
export function checkJwtSettings(generalSettings: unknown, findings: Findings): void {
  if (!isPlainObject(generalSettings)) return;
  const { litellm_jwtauth: auth } = generalSettings;
  if (auth !== undefined && auth !== null) {
    const path = 'general_settings.litellm_jwtauth';
    suggestNames(auth, Object.keys(jwtAuth.shape), path, findings);
    check(jwtAuth, onlyKnown(auth, Object.keys(jwtAuth.shape)), path, findings);
  }
}

function suggestNames(value: unknown, known: readonly string[], path: string, findings: Findings): void {
  if (!isPlainObject(value)) return;
  for (const name of Object.keys(value).filter((candidate) => !known.includes(candidate))) {
    const nearest = findNearestName(name, known);
    findings.error(
      `${path}.${name}`,
      `this setting is not known here${nearest ? `; did you mean \`${nearest}\`?` : ''}`,
    );
  }
}

function onlyKnown(value: unknown, known: readonly string[]): unknown {
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([name, item]) => known.includes(name) && item !== null),
  );
}
