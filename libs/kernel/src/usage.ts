/** Tokens a provider reported, normalised: `inputTokens` includes cached and cache-writing ones, `outputTokens` includes reasoning. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Subset of inputTokens served from the provider's cache. */
  readonly cacheReadTokens: number;
  /** Subset of inputTokens written to the provider's cache (5-minute lifetime). */
  readonly cacheWriteTokens: number;
  /** Subset of inputTokens written with a one-hour lifetime. */
  readonly cacheWriteHourTokens: number;
  /** Subset of outputTokens. */
  readonly reasoningTokens: number;
  readonly inputAudioTokens: number;
  readonly outputAudioTokens: number;
  /** Subset of inputTokens that are pictures, where the provider tells them apart. Only prices know them; ledger rows do not. */
  readonly inputImageTokens?: number;
  /** Subset of outputTokens that are pictures. */
  readonly outputImageTokens?: number;
  /** How sure we are: as reported by the provider, or counted by us because it said nothing. */
  readonly source: 'provider' | 'estimated';
}

/** Of a call that used nothing, and the start of a sum. Frozen. */
export const NO_USAGE: Usage = Object.freeze({
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWriteHourTokens: 0,
  reasoningTokens: 0,
  inputAudioTokens: 0,
  outputAudioTokens: 0,
  source: 'provider',
});
