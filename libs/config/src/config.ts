import type { Secret } from '#libs/kernel';
import type { AlertSettings } from './alerting.js';
import type { AuthSettings } from './auth.js';
import type { CallSettings, LimitSettings } from './calls.js';
import type { KeySettings } from './keys.js';
import type { LoggingSettings } from './logging.js';
import type { ModelEntry, NamedCredential } from './models.js';
import type { BudgetSettings, PricingSettings, PrioritySettings } from './money.js';
import type { PassThroughEndpoint } from './pass-through.js';
import type { PeopleSettings } from './people.js';
import type { PrivacySettings } from './privacy.js';
import type { ConfigNotice, ConfigProblem } from './problems.js';
import type { RoleSettings } from './roles.js';
import type { RouterSettings } from './router.js';
import type { NetworkSettings, ServerSettings } from './server.js';
import type { SettingOverride } from './setting-overrides.js';
import type { SignInSettings } from './sign-in.js';
import type { StoreSettings } from './stores.js';

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

/** All that can be said, part by part. Of each part the type, the defaults and what is checked stand beside its reader. */
export interface ConfigTree {
  readonly server: ServerSettings;
  readonly network: NetworkSettings;
  readonly auth: AuthSettings;
  readonly passThrough: readonly PassThroughEndpoint[];
  /** Ways in beside the master key and virtual keys. */
  readonly signIn: SignInSettings;
  readonly stores: StoreSettings;
  readonly secrets: {
    /** `LITELLM_SALT_KEY`: the key of secrets at rest. Never made from the master key. */
    readonly saltKey?: Secret;
    /** What it was before, until everything is sealed anew. */
    readonly previousSaltKey?: Secret;
  };
  readonly models: readonly ModelEntry[];
  /** `credential_list`; every text in `values` is a `Secret`. */
  readonly credentials: readonly NamedCredential[];
  readonly router: RouterSettings;
  readonly calls: CallSettings;
  readonly limits: LimitSettings;
  readonly budgets: BudgetSettings;
  readonly pricing: PricingSettings;
  /** What anybody may read about the models here (`public_model_groups`); nothing by default. */
  readonly modelHub: {
    readonly groups: readonly string[];
    readonly links: Readonly<Record<string, string>>;
  };
  /** The priority limiter; absent unless `dynamic_rate_limiter_v3` is among the callbacks. */
  readonly priorities: PrioritySettings | undefined;
  readonly logging: LoggingSettings;
  readonly privacy: PrivacySettings;
  readonly roles: RoleSettings;
  readonly metrics: { readonly requireAuth: boolean };
  readonly alerts: AlertSettings;
  readonly keys: KeySettings;
  readonly people: PeopleSettings;
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
