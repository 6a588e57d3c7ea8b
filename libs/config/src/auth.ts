import { Secret } from '#libs/kernel';
import type { Environment } from './environment.js';
import { weaknessOfMasterKey } from './master-key.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';
import { isProduction } from './server.js';

export interface AuthSettings {
  /** Absent until `boot` makes one on first start. */
  readonly masterKey?: Secret;
  /** `file`: written out in the file; a file that names a variable for it counts as `environment`. */
  readonly masterKeySource: 'environment' | 'file' | 'generated' | 'none';
  /** Why the master key is weak, as the end of a sentence; absent when it is strong or there is none yet. */
  readonly masterKeyWeakness?: string;
  /** The operator has said that a weak or missing master key is meant. */
  readonly permitWeakMasterKey: boolean;
  /** `litellm_key_header_name`, lower-case. */
  readonly keyHeaderName?: string;
  readonly keyCacheTtlMs: number;
  readonly keyCacheSize: number;
  readonly adminOnlyRoutes: readonly string[];
  readonly allowedRoutes?: readonly string[];
  /** `public_routes`: what the operator opens to callers without a credential. */
  readonly publicRoutes: readonly string[];
  /** `allow_user_auth`: whether the route `/user/auth` may be asked. */
  readonly allowUserAuth: boolean;
}

/** LiteLLM's default: the longest a cached key may be served after a change that no notification told of. */
const KEY_CACHE_TTL_MS = 60_000;
/** Compiled principals take a few kilobytes each; this many stay below 64 MB. */
const KEY_CACHE_SIZE = 20_000;

/** The master key, where keys stand and how long they are believed, and which routes are open to whom. `keyIsLiteral`: the master key stands in the file as text, not as the name of a variable. */
export function readAuth(
  { general }: Sections,
  environment: Environment,
  keyIsLiteral: boolean,
  findings: Findings,
): AuthSettings {
  return {
    ...readMasterKey(general, environment, keyIsLiteral, findings),
    ...(general.litellm_key_header_name === undefined
      ? {}
      : { keyHeaderName: general.litellm_key_header_name.toLowerCase() }),
    keyCacheTtlMs: general.user_api_key_cache_ttl ?? KEY_CACHE_TTL_MS,
    keyCacheSize: general.user_api_key_cache_max_size ?? KEY_CACHE_SIZE,
    adminOnlyRoutes: general.admin_only_routes ?? [],
    ...(general.allowed_routes === undefined ? {} : { allowedRoutes: general.allowed_routes }),
    publicRoutes: general.public_routes ?? [],
    allowUserAuth: general.allow_user_auth ?? false,
  };
}

function readMasterKey(
  general: Sections['general'],
  environment: Environment,
  keyIsLiteral: boolean,
  findings: Findings,
): Pick<AuthSettings, 'masterKey' | 'masterKeySource' | 'masterKeyWeakness' | 'permitWeakMasterKey'> {
  const path = 'general_settings.master_key';
  const variable = 'LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY';
  const permitWeakMasterKey =
    environment.flag(variable, findings) ?? general.dangerously_permit_weak_or_unset_master_key ?? false;
  const fromEnvironment = environment.get('LITELLM_MASTER_KEY')?.trim();
  if (keyIsLiteral) {
    const used = fromEnvironment === undefined || fromEnvironment === general.master_key;
    findings.notice(
      path,
      `the master key is written in the file; ${used ? 'move it into the environment and' : 'LITELLM_MASTER_KEY is used instead;'} write os.environ/LITELLM_MASTER_KEY here`,
    );
  }
  const key = fromEnvironment ?? general.master_key;
  if (key === undefined) return { masterKeySource: 'none', permitWeakMasterKey };
  const weakness = weaknessOfMasterKey(key);
  const inFile = fromEnvironment === undefined && keyIsLiteral;
  const place = fromEnvironment === undefined ? path : 'LITELLM_MASTER_KEY';
  if (weakness !== undefined) {
    const advice = 'make one with: openssl rand -hex 32';
    if (isProduction(environment) && !permitWeakMasterKey)
      findings.error(
        place,
        `the master key is too weak for production: ${weakness}; ${advice} (or set ${variable}=true)`,
      );
    else findings.notice(place, `the master key is weak: ${weakness}; ${advice}`);
  }
  return {
    masterKey: new Secret(key),
    masterKeySource: inFile ? 'file' : 'environment',
    ...(weakness === undefined ? {} : { masterKeyWeakness: weakness }),
    permitWeakMasterKey,
  };
}
