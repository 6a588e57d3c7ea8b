import { z } from 'zod';
import { count, fallbackMap, flag, secondsAsMs, text, textList } from './fields.js';
import { budgetsByName } from './money.schemas.js';
import { moot, notBuilt, type UnbuiltSettings } from './section.js';

const alias = z.preprocess(
  (value) => (typeof value === 'string' ? { model: value } : value),
  z.object({ model: text, hidden: flag.default(false) }),
);

export const ROUTING_STRATEGIES = [
  'simple-shuffle',
  'least-busy',
  'usage-based-routing',
  'usage-based-routing-v2',
  'latency-based-routing',
  'cost-based-routing',
  'lar1',
] as const;

/** `router_settings`, as far as this version acts on it. */
export const routerSettings = z.object({
  routing_strategy: z.enum(ROUTING_STRATEGIES),
  num_retries: count,
  timeout: secondsAsMs,
  stream_timeout: secondsAsMs,
  cooldown_time: secondsAsMs,
  allowed_fails: count,
  disable_cooldowns: flag,
  model_group_alias: z.record(z.string(), alias),
  fallbacks: fallbackMap,
  default_fallbacks: textList,
  context_window_fallbacks: fallbackMap,
  max_fallbacks: count,
  enable_tag_filtering: flag,
  default_max_parallel_requests: count,
  provider_budget_config: budgetsByName,
  redis_url: text,
  redis_host: text,
  redis_port: count,
  redis_username: text,
  redis_password: text,
});

export const UNBUILT_ROUTER_SETTINGS: UnbuiltSettings = new Map([
  ...notBuilt({
    'Tuning a routing strategy': [
      'routing_strategy_args',
      'routing_groups',
      'enable_weighted_failover',
      'lowest_latency_buffer',
    ],
    'Retry policies by kind of error': ['retry_policy', 'model_group_retry_policy'],
    'Allowed failures by kind of error': ['allowed_fails_policy'],
    'A minimum pause before retries': ['retry_after'],
    'Fallbacks for refused content': ['content_policy_fallbacks'],
    'Checks of a deployment before the call': ['enable_pre_call_checks', 'optional_pre_call_checks'],
    'Matching all tags of a request': ['tag_filtering_match_any', 'tag_routing_prefix'],
    'Default parameters of all deployments': ['default_litellm_params'],
    'Keeping a session on one deployment': ['deployment_affinity_ttl_seconds'],
    Alerting: ['alerting_config'],
    'Response caching': ['cache_responses', 'cache_kwargs', 'caching_groups', 'client_ttl'],
    Assistants: ['assistants_config'],
    'The priority queue': ['polling_interval', 'default_priority', 'router_general_settings'],
  }),
  ...moot({
    num_retries_per_request:
      'A cap on all retries of one request is not there yet; num_retries and max_fallbacks bound them.',
    health_check_interval:
      'Health checks in the background are not there yet; this setting belongs into general_settings.',
    set_verbose: 'Set litellm_settings.set_verbose; the router has no log level of its own.',
    debug_level: 'Set general_settings.log_level; the router has no log level of its own.',
    redis_ssl: 'Use a rediss:// URL.',
    ignore_invalid_deployments: 'Entries without a model are always left out, with a notice.',
  }),
]);
