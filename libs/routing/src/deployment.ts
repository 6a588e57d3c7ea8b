import type { NanoUsd, Secret } from '#libs/kernel';

/** Which language the upstream speaks. `mock` answers locally, for the first request offline and for tests. */
export type WireFormat = 'openai' | 'anthropic' | 'mock';

/** Prices as exact decimal strings in dollars per token (or per unit), straight from configuration. */
export type PriceOverrides = Readonly<Record<string, string>>;

/** One upstream: model, endpoint and credential. Frozen; a configuration change makes a new one. */
export interface Deployment {
  /** `model_info.id`, or a stable SHA-256 of the parameters. */
  readonly id: string;
  /** The model group: the name callers use. May hold `*`. */
  readonly group: string;
  /** Set: only keys of this team can call it, under `group`. */
  readonly teamId?: string;
  /** `openai`, `azure`, `anthropic`, `groq`, ... as in `provider/model`. */
  readonly provider: string;
  /** The model name sent upstream. May hold `*` when the group does. */
  readonly upstreamModel: string;
  readonly wire: WireFormat;
  /** Origin and base path, without trailing slash; no query. */
  readonly apiBase: string;
  readonly apiKey?: Secret;
  /** What the key is kept as, when it is a stored one: its use is recorded. */
  readonly credentialName?: string;
  readonly apiVersion?: string;
  readonly organization?: string;
  readonly extraHeaders: Readonly<Record<string, string>>;
  /** Members added to the body when the caller did not send them (unknown `litellm_params`). */
  readonly defaultBody: Readonly<Record<string, unknown>>;
  readonly mockResponse?: string;
  readonly weight: number;
  readonly order: number;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly inputTokensPerMinute?: number;
  readonly outputTokensPerMinute?: number;
  /** What each key may ask of the model, where neither the key nor its team says. */
  readonly keyRequestsPerMinute?: number;
  readonly keyTokensPerMinute?: number;
  readonly maxParallelRequests?: number;
  readonly timeoutMs?: number;
  readonly streamTimeoutMs?: number;
  readonly maxRetries?: number;
  readonly cooldownMs?: number;
  readonly tags: readonly string[];
  readonly accessGroups: readonly string[];
  /** Key aliases or hashes that may use it; absent: everybody the model grant admits. */
  readonly allowedKeys?: readonly string[];
  readonly prices: PriceOverrides;
  /** Priced as this model when the upstream name is not in the price book (`model_info.base_model`). */
  readonly baseModel?: string;
  readonly maxInputTokens?: number;
  readonly maxOutputTokens?: number;
  readonly mode?: string;
  readonly dropParams?: boolean;
  readonly maxBudgetNanoUsd?: NanoUsd;
  readonly budgetDuration?: string;
}
