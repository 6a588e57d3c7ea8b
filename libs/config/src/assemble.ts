import { resolve } from 'node:path';
import { Secret } from '#libs/kernel';
import type { ConfigTree, ModelEntry } from './config.js';
import { type Environment, wholeNumber } from './environment.js';
import { readAlerting } from './alerting.js';
import { readKeys } from './keys.js';
import { readPeople } from './people.js';
import { weaknessOfMasterKey } from './master-key.js';
import { readBudgets, readPricing, readPriorities } from './money.js';
import { readPassThrough } from './pass-through.js';
import type { Findings } from './problems.js';
import { readRoles } from './roles.js';
import type { Sections } from './sections.js';
import { readSignIn } from './sign-in.js';
import { readStores } from './stores.js';

/** Command-line flags: they win over everything else. */
export interface ConfigFlags {
  readonly config?: string | undefined;
  readonly port?: number | string | undefined;
  readonly host?: string | undefined;
  readonly dataDir?: string | undefined;
}

export interface Ingredients {
  readonly flags: ConfigFlags;
  readonly environment: Environment;
  readonly cwd: string;
  readonly configFile: string | undefined;
  readonly sections: Sections;
  readonly models: readonly ModelEntry[];
  /** The master key stands in the file as text, not as the name of a variable. */
  readonly masterKeyIsLiteral: boolean;
}

/** Larger chat bodies are attachments by mistake; images and long contexts fit many times over. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
/** A client that needs longer to send its body holds a connection for nothing. */
const BODY_TIMEOUT_MS = 30_000;
/** LiteLLM's default: the longest a cached key may be served after a change that no notification told of. */
const KEY_CACHE_TTL_MS = 60_000;
/** Compiled principals take a few kilobytes each; this many stay below 64 MB. */
const KEY_CACHE_SIZE = 20_000;
/** LiteLLM's default of 6000 s: long agent calls end by themselves, only dead ones meet it. */
const TIMEOUT_MS = 6_000_000;

/** Kubernetes' default grace period is 30 s; what follows the drain needs the rest. */
const DRAIN_SECONDS = 25;

/** Merges what all sources say into the one tree. Problems go to `findings`; the tree is usable only without errors. */
export function assemble(parts: Ingredients, findings: Findings): Omit<ConfigTree, 'notices'> {
  const { flags, environment, cwd, configFile, sections, models } = parts;
  const { general, litellm, router } = sections;
  const production = environment.get('NODE_ENV') === 'production';
  return {
    server: {
      host: flags.host ?? environment.get('HOST') ?? '127.0.0.1',
      port: readPort(flags, environment, findings),
      dataDir: resolve(cwd, flags.dataDir ?? environment.get('TOLLGATE_DATA_DIR') ?? '.tollgate'),
      ...(configFile === undefined ? {} : { configFile }),
      production,
      rootPath: readRootPath(environment),
      maxRequestBytes:
        general.max_request_size_mb === undefined
          ? MAX_REQUEST_BYTES
          : Math.floor(general.max_request_size_mb * 1024 * 1024),
      bodyTimeoutMs: BODY_TIMEOUT_MS,
      ...(general.max_response_size_mb === undefined
        ? {}
        : { maxResponseBytes: Math.floor(general.max_response_size_mb * 1024 * 1024) }),
      drainMs:
        (environment.wholeNumber('TOLLGATE_DRAIN_SECONDS', 0, 3_600, findings) ?? DRAIN_SECONDS) * 1_000,
      ...readCors(sections, environment, findings),
      requiresTls: environment.flag('LITELLM_ENABLE_HSTS', findings) ?? false,
      disableAdminEndpoints: environment.flag('DISABLE_ADMIN_ENDPOINTS', findings) ?? false,
      disableLlmEndpoints: environment.flag('DISABLE_LLM_API_ENDPOINTS', findings) ?? false,
    },
    network: readNetwork(sections, findings),
    auth: {
      ...readMasterKey(parts, production, findings),
      ...(general.litellm_key_header_name === undefined
        ? {}
        : { keyHeaderName: general.litellm_key_header_name.toLowerCase() }),
      keyCacheTtlMs: general.user_api_key_cache_ttl ?? KEY_CACHE_TTL_MS,
      keyCacheSize: general.user_api_key_cache_max_size ?? KEY_CACHE_SIZE,
      adminOnlyRoutes: general.admin_only_routes ?? [],
      ...(general.allowed_routes === undefined ? {} : { allowedRoutes: general.allowed_routes }),
      publicRoutes: general.public_routes ?? [],
      allowUserAuth: general.allow_user_auth ?? false,
    },
    passThrough: readPassThrough(sections, environment, findings),
    signIn: readSignIn(sections, environment, configFile, findings),
    stores: readStores(
      {
        databaseUrl: general.database_url,
        poolSize: general.database_connection_pool_limit,
        redis: [
          general.coordination_redis,
          {
            url: router.redis_url,
            host: router.redis_host,
            port: router.redis_port,
            username: router.redis_username,
            password: router.redis_password,
          },
        ],
        strictWithoutRedis: {
          limits: general.fail_closed_rate_limit_enforcement ?? false,
          budgets: general.fail_closed_budget_enforcement ?? false,
        },
      },
      environment,
      cwd,
      findings,
    ),
    secrets: {
      ...readSecret('saltKey', environment.get('LITELLM_SALT_KEY')),
      ...readSecret('previousSaltKey', environment.get('LITELLM_SALT_KEY_PREVIOUS')),
    },
    models,
    alerts: readAlerting(sections, environment, findings),
    environment: (name) => environment.get(name),
    router: readRouter(sections, findings),
    calls: {
      dropParams: litellm.drop_params ?? false,
      ...(litellm.max_tokens === undefined ? {} : { maxTokens: litellm.max_tokens }),
      forwardClientHeaders: general.forward_client_headers_to_llm_api ?? false,
      forwardOpenAiOrganization: general.forward_openai_org_id ?? false,
      allowClientCredentials: general.allow_client_side_credentials ?? false,
      enforceUserParam: general.enforce_user_param ?? false,
      rejectClientTags: general.reject_clientside_metadata_tags ?? false,
      ...(general.user_header_name === undefined
        ? {}
        : { userHeaderName: general.user_header_name.toLowerCase() }),
      // "Turn message logging off" is a promise about content, so it wins over the wish to store prompts; so does the wish to know nobody.
      storePrompts:
        (general.store_prompts_in_spend_logs ?? false) &&
        litellm.turn_off_message_logging !== true &&
        general.anonymize_logs !== true,
    },
    limits: {
      ...(litellm.rpm === undefined ? {} : { requestsPerMinute: litellm.rpm }),
      ...(litellm.tpm === undefined ? {} : { tokensPerMinute: litellm.tpm }),
      ...(general.global_max_parallel_requests === undefined
        ? {}
        : { parallelRequests: general.global_max_parallel_requests }),
      windowMs: (environment.wholeNumber('LITELLM_RATE_LIMIT_WINDOW_SIZE', 1, 3600, findings) ?? 60) * 1000,
      tokenMeasure: general.token_rate_limit_type ?? 'total',
    },
    budgets: readBudgets(sections, findings),
    pricing: readPricing(sections),
    modelHub: {
      groups: litellm.public_model_groups ?? [],
      links: litellm.public_model_groups_links ?? {},
    },
    priorities: readPriorities(sections),
    logging: {
      level: readLogLevel(sections, environment, findings),
      json: environment.flag('JSON_LOGS', findings) ?? general.json_logs ?? litellm.json_logs ?? production,
      ...defined('file', environment.get('LOG_FILE')),
    },
    privacy: readPrivacy(general),
    roles: readRoles(general, findings),
    metrics: { requireAuth: litellm.require_auth_for_metrics_endpoint ?? true },
    keys: readKeys(sections, environment, findings),
    people: readPeople(sections),
  };
}

function defined<Name extends string>(name: Name, value: string | undefined): Partial<Record<Name, string>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, string>);
}

function readSecret<Name extends string>(
  name: Name,
  text: string | undefined,
): Partial<Record<Name, Secret>> {
  return text === undefined ? {} : ({ [name]: new Secret(text.trim()) } as Record<Name, Secret>);
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
  { general }: Sections,
  environment: Environment,
  findings: Findings,
): Pick<ConfigTree['server'], 'corsOrigins' | 'corsAllowCredentials'> {
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

function readNetwork({ general }: Sections, findings: Findings): ConfigTree['network'] {
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

function readMasterKey(
  { environment, sections: { general }, masterKeyIsLiteral }: Ingredients,
  production: boolean,
  findings: Findings,
): Pick<ConfigTree['auth'], 'masterKey' | 'masterKeySource' | 'masterKeyWeakness' | 'permitWeakMasterKey'> {
  const path = 'general_settings.master_key';
  const variable = 'LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY';
  const permitWeakMasterKey =
    environment.flag(variable, findings) ?? general.dangerously_permit_weak_or_unset_master_key ?? false;
  const fromEnvironment = environment.get('LITELLM_MASTER_KEY')?.trim();
  if (masterKeyIsLiteral) {
    const used = fromEnvironment === undefined || fromEnvironment === general.master_key;
    findings.notice(
      path,
      `the master key is written in the file; ${used ? 'move it into the environment and' : 'LITELLM_MASTER_KEY is used instead;'} write os.environ/LITELLM_MASTER_KEY here`,
    );
  }
  const key = fromEnvironment ?? general.master_key;
  if (key === undefined) return { masterKeySource: 'none', permitWeakMasterKey };
  const weakness = weaknessOfMasterKey(key);
  const inFile = fromEnvironment === undefined && masterKeyIsLiteral;
  const place = fromEnvironment === undefined ? path : 'LITELLM_MASTER_KEY';
  if (weakness !== undefined) {
    const advice = 'make one with: openssl rand -hex 32';
    if (production && !permitWeakMasterKey)
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

function readRouter({ router, litellm }: Sections, findings: Findings): ConfigTree['router'] {
  const strategy = router.routing_strategy ?? 'simple-shuffle';
  if (strategy !== 'simple-shuffle') {
    findings.unsupported(
      'router_settings.routing_strategy',
      `The strategy ${strategy} is not there yet; calls are spread by weight (simple-shuffle).`,
    );
  }
  return {
    numRetries: router.num_retries ?? litellm.num_retries ?? 2,
    timeoutMs: router.timeout ?? litellm.request_timeout ?? TIMEOUT_MS,
    ...(router.stream_timeout === undefined ? {} : { streamTimeoutMs: router.stream_timeout }),
    cooldownMs: router.cooldown_time ?? 5_000,
    allowedFails: router.allowed_fails ?? litellm.allowed_fails ?? 3,
    disableCooldowns: router.disable_cooldowns ?? false,
    strategy,
    modelGroupAlias: router.model_group_alias ?? {},
    fallbacks: router.fallbacks ?? litellm.fallbacks ?? {},
    defaultFallbacks: router.default_fallbacks ?? litellm.default_fallbacks ?? [],
    contextWindowFallbacks: router.context_window_fallbacks ?? litellm.context_window_fallbacks ?? {},
    maxFallbacks: router.max_fallbacks ?? litellm.max_fallbacks ?? 5,
    enableTagFiltering: router.enable_tag_filtering ?? false,
  };
}

function readLogLevel(
  { general, litellm }: Sections,
  environment: Environment,
  findings: Findings,
): ConfigTree['logging']['level'] {
  const named = environment.get('LITELLM_LOG')?.trim().toLowerCase();
  const levels: Record<string, ConfigTree['logging']['level']> = {
    trace: 'trace',
    debug: 'debug',
    info: 'info',
    warn: 'warn',
    warning: 'warn',
    error: 'error',
    critical: 'error',
  };
  const fromEnvironment = named === undefined || !Object.hasOwn(levels, named) ? undefined : levels[named];
  if (named !== undefined && fromEnvironment === undefined)
    findings.error('LITELLM_LOG', 'expected DEBUG, INFO, WARNING or ERROR');
  const verbose = general.set_verbose === true || litellm.set_verbose === true;
  return fromEnvironment ?? (verbose ? 'debug' : (general.log_level ?? litellm.log_level ?? 'info'));
}

function readPrivacy(general: Sections['general']): ConfigTree['privacy'] {
  // Of two settings for the same thing the stricter one counts.
  const said = [general.data_retention_days, general.maximum_spend_logs_retention_period];
  const retentionDays = least(said);
  const promptRetentionDays = least([general.prompt_retention_days, retentionDays]);
  return {
    anonymizeLogs: general.anonymize_logs ?? false,
    ...(retentionDays === undefined ? {} : { retentionDays }),
    ...(promptRetentionDays === undefined ? {} : { promptRetentionDays }),
    ...(general.audit_retention_days === undefined
      ? {}
      : { auditRetentionDays: general.audit_retention_days }),
    maxPromptBytes: (general.max_stored_prompt_kb ?? 64) * 1024,
  };
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
