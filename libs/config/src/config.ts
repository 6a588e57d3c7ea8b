import type { PassThroughEndpoint } from './pass-through.js';
import type { ConfigNotice, ConfigProblem } from './problems.js';
import type { RoleSettings } from './roles.js';
import type { UserRoleName } from './sections/people.schemas.js';
import type { SettingOverride } from './setting-overrides.js';
import type { SignInSettings } from './sign-in.js';
import type { NanoUsd, ScopeType, Secret } from '#libs/kernel';

/** One entry of `model_list`, resolved (secrets looked up, credential merged) but not yet interpreted by routing. */
export interface ModelEntry {
  readonly modelName: string;
  /** `litellm_params` with `os.environ/` resolved. String values under secret-like names are `Secret`. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
  /** The named credential that its secrets came from. */
  readonly credentialName?: string;
  /** `model_list.3`, for messages. */
  readonly path: string;
  /** `model_info.team_id`: only this team's keys may call it, under `modelName`. */
  readonly teamId?: string;
  /** False: only its own parameters say where it goes and with which key; variables of the environment do not. */
  readonly usesEnvironment?: boolean;
}

export interface NamedBudget {
  readonly capNanoUsd: NanoUsd;
  /** Absent: never resets. */
  readonly duration?: string;
}

/** How a model's requests and tokens are divided between classes of callers. */
export interface PrioritySettings {
  readonly weights: Readonly<
    Record<string, { readonly type: 'percent' | 'rpm' | 'tpm'; readonly value: number }>
  >;
  /** The most that callers without a named class get of what the named ones leave; absent: all of it. */
  readonly defaultWeight?: number;
  /** The share of a window that is free for all. */
  readonly saturation: number;
}

/**
 * What the operator asked for: flags, environment, `.env` and proxy_config.yaml, merged, validated and frozen. The DI token
 * and the value at once. Whoever reads a setting where it is needed always has today's; `apply` is for what may change while it runs.
 */
export class Config {
  constructor(tree: ConfigTree) {
    Object.assign(this, tree);
  }

  /** Takes up settings that were changed at run time. A part is replaced as a whole, so that nobody reads half of two states. */
  apply(parts: LiveParts | Pick<ConfigTree, 'passThrough'>): void {
    Object.assign(this, parts);
  }
}
// eslint-disable-next-line -- the class and its tree are one thing
export interface Config extends ConfigTree {}

/** The parts that a running process can take up. */
export type LiveParts = Pick<
  ConfigTree,
  'network' | 'router' | 'calls' | 'auth' | 'people' | 'models' | 'credentials' | 'environment'
>;

/** An entry of `credential_list`. */
export interface NamedCredential {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly info: Readonly<Record<string, unknown>>;
}

export interface KeyGenerationRule {
  /** Empty: whoever may make keys at all. */
  readonly allowedRoles: readonly string[];
  readonly requiredParams: readonly string[];
}

/** Where alerts go. The name is the one that deliveries are stored under. */
export type AlertChannel =
  | { readonly kind: 'webhook'; readonly name: string; readonly url: Secret; readonly secret?: Secret }
  | {
      readonly kind: 'slack';
      readonly name: string;
      readonly url: Secret;
      /** Alert types that go here; absent: all. */
      readonly types?: readonly string[];
    }
  | {
      readonly kind: 'email';
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly requireTls: boolean;
      readonly user?: string;
      readonly password?: Secret;
      readonly from: string;
      /** Whoever else is concerned is told as well: the owner of a key, a user. */
      readonly to: readonly string[];
    };

export interface ConfigTree {
  readonly server: {
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
  };
  readonly network: {
    /** CIDRs or addresses; absent: everybody. */
    readonly allowedIps?: readonly string[];
    readonly trustedProxyRanges: readonly string[];
  };
  readonly auth: {
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
  };
  readonly passThrough: readonly PassThroughEndpoint[];
  /** Ways in beside the master key and virtual keys. */
  readonly signIn: SignInSettings;
  readonly stores: {
    /** Absent: embedded PostgreSQL in the data directory. */
    readonly databaseUrl?: Secret;
    /** Direct primary connection for LISTEN and session locks; default `databaseUrl`. */
    readonly databaseDirectUrl?: Secret;
    readonly databasePoolSize: number;
    readonly redisUrl?: Secret;
    /** PEM of the authorities that sign Redis's certificate; absent: those of the system. */
    readonly redisAuthorities?: string;
    /** How long one answer of Redis may take before it counts as lost. */
    readonly redisTimeoutMs: number;
    /** What rather refuses than goes on by its share while Redis is away: all of it, nothing, or these kinds of scope. */
    readonly strictWithoutRedis: {
      readonly limits: boolean | readonly ScopeType[];
      readonly budgets: boolean | readonly ScopeType[];
    };
    /** `sqlite:///F`: requests are mirrored into this file. */
    readonly sqliteMirror?: string;
  };
  readonly secrets: {
    /** `LITELLM_SALT_KEY`: the key of secrets at rest. Never made from the master key. */
    readonly saltKey?: Secret;
    /** What it was before, until everything is sealed anew. */
    readonly previousSaltKey?: Secret;
  };
  readonly models: readonly ModelEntry[];
  /** `credential_list`; every text in `values` is a `Secret`. */
  readonly credentials?: readonly NamedCredential[];
  readonly router: {
    readonly numRetries: number;
    readonly timeoutMs: number;
    readonly streamTimeoutMs?: number;
    readonly cooldownMs: number;
    readonly allowedFails: number;
    readonly disableCooldowns: boolean;
    readonly strategy: string;
    readonly modelGroupAlias: Readonly<Record<string, { readonly model: string; readonly hidden: boolean }>>;
    readonly fallbacks: Readonly<Record<string, readonly string[]>>;
    readonly defaultFallbacks: readonly string[];
    readonly contextWindowFallbacks: Readonly<Record<string, readonly string[]>>;
    readonly maxFallbacks: number;
    readonly enableTagFiltering: boolean;
  };
  readonly calls: {
    /** `litellm_settings.drop_params`. */
    readonly dropParams: boolean;
    /** `litellm_settings.max_tokens`: lowers a larger cap and sets a missing one. */
    readonly maxTokens?: number;
    readonly forwardClientHeaders: boolean;
    readonly forwardOpenAiOrganization: boolean;
    readonly allowClientCredentials: boolean;
    readonly enforceUserParam: boolean;
    readonly rejectClientTags: boolean;
    readonly userHeaderName?: string;
    readonly storePrompts: boolean;
  };
  readonly limits: {
    /** `litellm_settings.rpm/tpm`. */
    readonly requestsPerMinute?: number;
    readonly tokensPerMinute?: number;
    /** `global_max_parallel_requests`. */
    readonly parallelRequests?: number;
    readonly windowMs: number;
    readonly tokenMeasure: 'total' | 'input' | 'output';
  };
  readonly budgets: {
    readonly proxyCapNanoUsd?: NanoUsd;
    readonly proxyDuration?: string;
    readonly timezone: string;
    /** `HH:MM[:SS]`, default `00:00`. */
    readonly resetTime: string;
    readonly exceededStatus: number;
    readonly applyUserBudgetToTeamKeys: boolean;
    readonly blockUnpricedModels: boolean;
    readonly maxWaitMs: number;
    /** `budget_rollover`: what was spent beyond a cap counts in the period after, too. */
    readonly rollover: boolean;
    /** `max_end_user_budget_id`: the row of `budgets` for customers without a budget of their own. */
    readonly customerBudgetId?: string;
    /** `budget_exceeded_throttle_percentage`: to what share of its limits a key over its budget is slowed down, where the key says so. */
    readonly throttleShare?: number;
    /** `provider_budget_config`. */
    readonly providers: Readonly<Record<string, NamedBudget>>;
    /** `tag_budget_config`. */
    readonly tags: Readonly<Record<string, NamedBudget>>;
  };
  /** What the operator adds to and takes off published prices, by provider; `global` speaks for the others. */
  readonly pricing: {
    readonly discounts: Readonly<Record<string, number>>;
    readonly margins: Readonly<
      Record<string, { readonly share: number; readonly perRequestNanoUsd: NanoUsd }>
    >;
  };
  /** What anybody may read about the models here (`public_model_groups`); nothing by default. */
  readonly modelHub: {
    readonly groups: readonly string[];
    readonly links: Readonly<Record<string, string>>;
  };
  /** The priority limiter; absent unless `dynamic_rate_limiter_v3` is among the callbacks. */
  readonly priorities: PrioritySettings | undefined;
  readonly logging: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
    readonly json: boolean;
    /** `LOG_FILE`: also written here. */
    readonly file?: string;
  };
  readonly privacy: {
    /** `anonymize_logs`: whoever reads the request log, process logs or exports learns pseudonyms. */
    readonly anonymizeLogs: boolean;
    /** Days of the request log that are kept; absent: all. */
    readonly retentionDays?: number;
    /** Of prompts and answers; never longer than the log they belong to. */
    readonly promptRetentionDays?: number;
    readonly auditRetentionDays?: number;
    /** Bytes of a request and of an answer that are kept where prompts are stored. */
    readonly maxPromptBytes: number;
  };
  readonly roles: RoleSettings;
  readonly metrics: { readonly requireAuth: boolean };
  readonly alerts: {
    readonly channels: readonly AlertChannel[];
    /** `budget_alerts`, `rate_limit_bursts`, `auth_failure_bursts`. */
    readonly types: readonly string[];
    /** Per cents of a budget, rising. */
    readonly thresholds: readonly number[];
    readonly burstSize: number;
    readonly burstWindowMs: number;
  };
  readonly keys: {
    readonly generatedLength: number;
    readonly minimumCustomLength: number;
    readonly allowCustom: boolean;
    /** `default_key_generate_params`: fields of `/key/generate` for what a request leaves open. Read where requests are read. */
    readonly defaults: Readonly<Record<string, unknown>>;
    /** `upperbound_key_generate_params`: the most that a request may ask for, and what counts where it asks for nothing. */
    readonly upperBounds: Readonly<Record<string, unknown>>;
    /** `key_generation_settings`: who may make keys, and what such a request has to say. */
    readonly generation: {
      readonly team?: KeyGenerationRule;
      readonly personal?: KeyGenerationRule;
    };
    /** `team_admin_editable_team_fields`: what administrators of teams may change beyond the usual. */
    readonly teamAdminEditableFields: readonly string[];
    /** `LITELLM_KEY_ROTATION_GRACE_PERIOD`: how long a replaced secret still works where a request does not say. */
    readonly rotationGrace?: string;
    /** `LITELLM_KEY_ROTATION_ENABLED`: keys with `auto_rotate` get new secrets by themselves. */
    readonly rotates: boolean;
  };
  readonly people: {
    /** `default_internal_user_params`, `max_internal_user_budget`: what a new user gets where nothing else is said. */
    readonly newUser: {
      readonly role: UserRoleName;
      /** Of somebody whom single sign-on makes and gives no role: where the operator says nothing, such people only look. */
      readonly signInRole: UserRoleName;
      /** Absent: the operator says nothing. */
      readonly models: readonly string[] | undefined;
      readonly capNanoUsd: NanoUsd | null;
      readonly budgetDuration: string | null;
      readonly tokensPerMinute: number | null;
      readonly requestsPerMinute: number | null;
      readonly parallelRequests: number | null;
      readonly teams: readonly {
        readonly teamId: string;
        readonly role: 'admin' | 'user';
        readonly capNanoUsd: NanoUsd | null;
      }[];
    };
    /** `available_teams`: teams that anybody may join. */
    readonly teamsToJoin: readonly string[];
    /** `default_team_params`: what a new team gets where nothing else is said. */
    readonly newTeam: {
      /** Where the team does not say one itself; it has to be there. */
      readonly organizationId: string | null;
      readonly models: readonly string[];
      readonly capNanoUsd: NanoUsd | null;
      readonly budgetDuration: string | null;
      readonly tokensPerMinute: number | null;
      readonly requestsPerMinute: number | null;
      readonly memberPermissions: readonly string[] | undefined;
    };
    /** Whether a proxy administrator who makes a team joins it (`disable_auto_add_proxy_admin_to_teams`). */
    readonly addsCreatingAdmin: boolean;
  };
  /** Everything in the file that does nothing yet or is not known, for the start-up log and `tollgate config check`. */
  readonly notices: readonly ConfigNotice[];
  /** Looks a variable up where `os.environ/NAME` does (process, `.env`, `environment_variables`): for the providers' customary key and base variables. */
  readonly environment?: ((name: string) => string | undefined) | undefined;
  /** What the tree was made from, to make it again with settings of the database. */
  readonly source?: SettingSource;
}

/** What settings of the database amount to on top of the file. */
export interface Overridden {
  readonly tree: Omit<ConfigTree, 'notices'>;
  /** Why they cannot be used, by path; then the tree must not be. */
  readonly problems: readonly ConfigProblem[];
  /** Paths that are not known or do nothing yet. */
  readonly ignored: readonly string[];
}

/** What a tree was made from: asked again for each change of a setting. */
export interface SettingSource {
  /** Whether the file says it: then the database has no word. */
  owns(section: string, field: string): boolean;
  /** The file's own value, as written there. */
  fileValue(section: string, field: string): unknown;
  /** The file's settings of one section, by name. */
  fileFields(section: string): readonly string[];
  /** The tree with these settings where the file has none. Never throws; secrets of the settings go nowhere but into the tree. */
  withOverrides(overrides: readonly SettingOverride[]): Overridden;
  /** The parts that a running process can take up, made with only those settings that it can. */
  liveParts(overrides: readonly SettingOverride[], running: ConfigTree): LiveParts | undefined;
}
