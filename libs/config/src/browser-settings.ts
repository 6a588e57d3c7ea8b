import { Secret } from '#libs/kernel';
import { isAddressRange } from './addresses.js';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';

/** People who sign in with a browser or the command line (contract/auth 5). */
export interface BrowserSettings {
  /** `PROXY_BASE_URL` without a slash at its end: under which address people see this product. */
  readonly baseUrl?: string;
  /** `PROXY_LOGOUT_URL`: where people are sent who have signed out. */
  readonly logoutUrl?: string;
  /** `general_settings.control_plane_url`: another origin that people may be sent back to. */
  readonly controlPlaneUrl?: string;
  readonly sessionMs: number;
  /** A session that nobody uses for this long is over. */
  readonly sessionIdleMs: number;
  readonly cliSessionMs: number;
  /** `DISABLE_ADMIN_UI`. */
  readonly isUiDisabled: boolean;
  /** `PROXY_ADMIN_ID`: this user is an administrator. */
  readonly adminUserId?: string;
  /** `UI_USERNAME` and `UI_PASSWORD`; absent: nobody can sign in that way. */
  readonly environmentAdmin?: {
    readonly username: string;
    readonly password: Secret;
    readonly userId: string;
  };
  readonly disablePasswordsWithSso: boolean;
  readonly passwords: {
    readonly minLength: number;
    readonly requires: readonly ('uppercase' | 'lowercase' | 'number' | 'special')[];
  };
  /** Absent: `LITELLM_DISABLE_LOGIN_RATE_LIMIT`. */
  readonly lockOut?: {
    /** Failures of one source within the window; of one source for one name, half as many. */
    readonly perSource: number;
    /** Range -> its own number; 0: exempt. */
    readonly overrides: Readonly<Record<string, number>>;
    readonly windowMs: number;
    readonly blockMs: number;
  };
  /** `allow_cli_sso_verification_uri_complete`: links of the command line may carry its code. */
  readonly linksCarryCliCode: boolean;
}

const HOUR_MS = 3_600_000;
const SESSION_MS = 24 * HOUR_MS;
/** A working day: a browser that is left over night has to sign in again. */
const IDLE_MS = 8 * HOUR_MS;
const UNITS: Readonly<Record<string, number>> = {
  s: 1_000, m: 60_000, h: HOUR_MS, d: 24 * HOUR_MS, w: 168 * HOUR_MS,
}; // prettier-ignore
const REQUIREMENTS = [
  ['uppercase', 'password_policy_require_uppercase'],
  ['lowercase', 'password_policy_require_lowercase'],
  ['number', 'password_policy_require_numbers'],
  ['special', 'password_policy_require_special_characters'],
] as const;

export function readBrowserSettings(
  { general }: Sections,
  environment: Environment,
  findings: Findings,
): BrowserSettings {
  const sessionMs = duration('LITELLM_UI_SESSION_DURATION', environment, findings) ?? SESSION_MS;
  const idleMs = duration('TOLLGATE_UI_SESSION_IDLE', environment, findings) ?? IDLE_MS;
  const adminUserId = environment.get('PROXY_ADMIN_ID')?.trim();
  return {
    ...url('baseUrl', environment.get('PROXY_BASE_URL'), 'PROXY_BASE_URL', findings),
    ...url('logoutUrl', environment.get('PROXY_LOGOUT_URL'), 'PROXY_LOGOUT_URL', findings),
    ...url('controlPlaneUrl', general.control_plane_url, 'general_settings.control_plane_url', findings),
    sessionMs,
    sessionIdleMs: Math.min(idleMs, sessionMs),
    cliSessionMs:
      (environment.wholeNumber('LITELLM_CLI_JWT_EXPIRATION_HOURS', 1, 8_760, findings) ?? 24) * HOUR_MS,
    isUiDisabled: environment.flag('DISABLE_ADMIN_UI', findings) ?? false,
    ...(adminUserId === undefined ? {} : { adminUserId }),
    ...readEnvironmentAdmin(general, environment, adminUserId, findings),
    disablePasswordsWithSso: general.disable_password_login_when_sso_enabled ?? false,
    passwords: {
      minLength: general.password_policy_min_length ?? 12,
      requires: REQUIREMENTS.filter(([, setting]) => general[setting] ?? true).map(([name]) => name),
    },
    ...readLockOut(general, environment, findings),
    linksCarryCliCode: general.allow_cli_sso_verification_uri_complete ?? false,
  };
}

type General = Sections['general'];

/** The drop-in's default password is the master key; here that one opens the API and nothing else. */
function readEnvironmentAdmin(
  general: General,
  environment: Environment,
  adminUserId: string | undefined,
  findings: Findings,
): Pick<BrowserSettings, 'environmentAdmin'> {
  const password = environment.get('UI_PASSWORD');
  if (password === undefined || general.disable_env_credential_login === true) return {};
  if (password === (environment.get('LITELLM_MASTER_KEY')?.trim() ?? general.master_key)) {
    findings.notice(
      'UI_PASSWORD',
      'is the master key, which is never a password: choose another one to sign in as the administrator of the environment',
    );
    return {};
  }
  return {
    environmentAdmin: {
      username: environment.get('UI_USERNAME') ?? 'admin',
      password: new Secret(password),
      userId: adminUserId ?? 'default_user_id',
    },
  };
}

function readLockOut(
  general: General,
  environment: Environment,
  findings: Findings,
): Pick<BrowserSettings, 'lockOut'> {
  if (environment.flag('LITELLM_DISABLE_LOGIN_RATE_LIMIT', findings) === true) {
    findings.notice('LITELLM_DISABLE_LOGIN_RATE_LIMIT', 'passwords can be guessed without end');
    return {};
  }
  const overrides = general.max_failed_login_attempts_per_source_overrides ?? {};
  for (const range of Object.keys(overrides)) {
    if (!isAddressRange(range))
      findings.error(
        `general_settings.max_failed_login_attempts_per_source_overrides.${range}`,
        'expected an address or a CIDR range',
      );
  }
  return {
    lockOut: {
      perSource: general.max_failed_login_attempts_per_source ?? 10,
      overrides,
      windowMs: general.failed_login_window_seconds ?? 60_000,
      blockMs: general.failed_login_block_seconds ?? 300_000,
    },
  };
}

function url<Name extends string>(
  name: Name,
  text: string | undefined,
  path: string,
  findings: Findings,
): Partial<Record<Name, string>> {
  if (text === undefined) return {};
  const trimmed = text.trim().replace(/\/+$/, '');
  if (!/^https?:\/\//.test(trimmed) || !URL.canParse(trimmed)) {
    findings.error(path, 'expected an address that starts with https:// or http://');
    return {};
  }
  return { [name]: trimmed } as Partial<Record<Name, string>>;
}

/** `24h`, `30m`, or seconds. */
function duration(name: string, environment: Environment, findings: Findings): number | undefined {
  const text = environment.get(name)?.trim().toLowerCase();
  if (text === undefined) return undefined;
  const [, digits, unit = 's'] = /^([1-9]\d{0,8})([smhdw]?)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS[unit || 's'] ?? 0);
  if (Number.isFinite(ms) && ms > 0) return ms;
  findings.error(name, 'expected a duration such as 24h or 30m');
  return undefined;
}
