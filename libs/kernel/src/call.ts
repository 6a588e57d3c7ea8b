/** The shapes of call the proxy understands. `messages` is Anthropic's; the others are OpenAI's. */
export type Endpoint = 'chat' | 'completions' | 'embeddings' | 'responses' | 'messages';

/** What a ledger entry may be of: a completion, a call to a pass-through endpoint, or one answer of a realtime session. */
export type LedgerEndpoint = Endpoint | 'pass_through' | 'realtime';

/**
 * What governance needs to know of one call, read once from the parsed body. All counts are upper bounds where the
 * body cannot tell exactly, so that a hold made from them can never be too small.
 */
export interface CallFacts {
  readonly endpoint: Endpoint;
  /** The model name as the caller asked for it. */
  readonly requestedModel: string;
  readonly stream: boolean;
  /** Upper bound of the input in tokens; `Infinity` when a part is opaque (image, file id, previous response): then the context window is the bound. */
  readonly inputTokenBound: number;
  /** The caller's own output cap in tokens, if any (per choice). */
  readonly maxOutputTokens?: number;
  /** Choices asked for (`n`, `best_of`); 1 by default. */
  readonly choices: number;
  /** `thinking.budget_tokens`: an output clamp may not go below it. */
  readonly thinkingTokens?: number;
  readonly customerId?: string;
  readonly tags: readonly string[];
}
