import type { Findings } from './problems.js';
import type { Sections } from './sections.js';

export interface RouterSettings {
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
  /** Calls at once to each deployment that says nothing itself; never derived from its requests per minute. */
  readonly defaultParallelRequests?: number;
}

/** LiteLLM's default of 6000 s: long agent calls end by themselves, only dead ones meet it. */
const TIMEOUT_MS = 6_000_000;

/** How a call finds a deployment, and what happens when that one fails. */
export function readRouter({ router, litellm }: Sections, findings: Findings): RouterSettings {
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
    ...(router.default_max_parallel_requests === undefined
      ? {}
      : { defaultParallelRequests: router.default_max_parallel_requests }),
  };
}
