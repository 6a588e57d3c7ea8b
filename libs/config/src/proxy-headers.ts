import type { Findings } from './problems.js';
import type { Sections } from './sections.js';

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

const IAP_KEYS = 'https://www.gstatic.com/iap/verify/public_key-jwk';
export function readProxyHeaders(general: Sections['general'], findings: Findings): ProxyHeaderSettings {
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
