import { resolve } from 'node:path';
import { type Environment, wholeNumber } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';

/** Command-line flags: they win over everything else. */
export interface ConfigFlags {
  readonly config?: string | undefined;
  readonly port?: number | string | undefined;
  readonly host?: string | undefined;
  readonly dataDir?: string | undefined;
}

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly configFile?: string;
  readonly production: boolean;
  /** `SERVER_ROOT_PATH`, without trailing slash; empty at the root. */
  readonly rootPath: string;
  readonly maxRequestBytes: number;
  readonly bodyTimeoutMs: number;
  /** Larger answers of providers are not passed on; absent: as much as one process may hold. */
  readonly maxResponseBytes?: number;
  /** How long running answers may take to end after a signal. */
  readonly drainMs: number;
  /** Origins a browser may call from; `*` for all. None by default: cross-origin calls are off. */
  readonly corsOrigins: readonly string[];
  readonly corsAllowCredentials: boolean;
  /** `LITELLM_ENABLE_HSTS`: browsers are told to come over TLS only. */
  readonly requiresTls?: boolean;
  readonly disableAdminEndpoints: boolean;
  readonly disableLlmEndpoints: boolean;
}

export interface NetworkSettings {
  /** CIDRs or addresses; absent: everybody. */
  readonly allowedIps?: readonly string[];
  readonly trustedProxyRanges: readonly string[];
}

/** Larger chat bodies are attachments by mistake; images and long contexts fit many times over. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
/** A client that needs longer to send its body holds a connection for nothing. */
const BODY_TIMEOUT_MS = 30_000;
/** Kubernetes' default grace period is 30 s; what follows the drain needs the rest. */
const DRAIN_SECONDS = 25;

/** Where this process listens, and what it takes from whom. `cwd`: what relative folders are relative to. */
export function readServer(
  { general }: Sections,
  environment: Environment,
  flags: ConfigFlags,
  places: { readonly cwd: string; readonly configFile: string | undefined },
  findings: Findings,
): ServerSettings {
  const { cwd, configFile } = places;
  return {
    host: flags.host ?? environment.get('HOST') ?? '127.0.0.1',
    port: readPort(flags, environment, findings),
    dataDir: resolve(cwd, flags.dataDir ?? environment.get('TOLLGATE_DATA_DIR') ?? '.tollgate'),
    ...(configFile === undefined ? {} : { configFile }),
    production: isProduction(environment),
    rootPath: readRootPath(environment),
    maxRequestBytes:
      general.max_request_size_mb === undefined
        ? MAX_REQUEST_BYTES
        : Math.floor(general.max_request_size_mb * 1024 * 1024),
    bodyTimeoutMs: BODY_TIMEOUT_MS,
    ...(general.max_response_size_mb === undefined
      ? {}
      : { maxResponseBytes: Math.floor(general.max_response_size_mb * 1024 * 1024) }),
    drainMs: (environment.wholeNumber('TOLLGATE_DRAIN_SECONDS', 0, 3_600, findings) ?? DRAIN_SECONDS) * 1_000,
    ...readCors(general, environment, findings),
    requiresTls: environment.flag('LITELLM_ENABLE_HSTS', findings) ?? false,
    disableAdminEndpoints: environment.flag('DISABLE_ADMIN_ENDPOINTS', findings) ?? false,
    disableLlmEndpoints: environment.flag('DISABLE_LLM_API_ENDPOINTS', findings) ?? false,
  };
}

/** Whether the operator says that this is no trial: then weak settings refuse the start. */
export function isProduction(environment: Environment): boolean {
  return environment.get('NODE_ENV') === 'production';
}

function readPort(flags: ConfigFlags, environment: Environment, findings: Findings): number {
  const port = flags.port === undefined ? undefined : wholeNumber(flags.port, '--port', 0, 65_535, findings);
  return port ?? environment.wholeNumber('PORT', 0, 65_535, findings) ?? 4000;
}

function readRootPath(environment: Environment): string {
  const path = (environment.get('SERVER_ROOT_PATH') ?? '').trim().replace(/^\/+|\/+$/g, '');
  return path === '' ? '' : `/${path}`;
}

function readCors(
  general: Sections['general'],
  environment: Environment,
  findings: Findings,
): Pick<ServerSettings, 'corsOrigins' | 'corsAllowCredentials'> {
  const corsOrigins = environment.list('LITELLM_CORS_ORIGINS') ?? general.cors_origin ?? [];
  const asked = environment.flag('LITELLM_CORS_ALLOW_CREDENTIALS', findings);
  const everybody = corsOrigins.includes('*');
  if (asked === true && everybody) {
    findings.notice(
      'LITELLM_CORS_ALLOW_CREDENTIALS',
      'does nothing while every origin is allowed; name the origins in LITELLM_CORS_ORIGINS',
    );
  }
  return { corsOrigins, corsAllowCredentials: !everybody && asked === true };
}

/** Whose address may come in, and whose word about addresses counts. */
export function readNetwork({ general }: Sections, findings: Findings): NetworkSettings {
  const trustedProxyRanges = general.trusted_proxy_ranges ?? [];
  if (general.use_x_forwarded_for === true && trustedProxyRanges.length === 0) {
    findings.notice(
      'general_settings.use_x_forwarded_for',
      'X-Forwarded-For can be forged, so it counts only from the proxies in trusted_proxy_ranges; none are listed, so the address of the connection counts',
    );
  }
  return {
    ...(general.allowed_ips === undefined ? {} : { allowedIps: general.allowed_ips }),
    trustedProxyRanges,
  };
}
