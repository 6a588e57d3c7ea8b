import type { Measure } from '#libs/counters';
import type { CallFacts } from '#libs/kernel';

/** What is held for an answer without a cap of its own, as long as that much is left. */
const USUAL_OUTPUT_TOKENS = 1_024;
/** An answer shorter than this is not worth the call; the Responses API refuses smaller caps. */
const MINIMAL_OUTPUT_TOKENS = 16;

export type TokenMeasure = 'total' | 'input' | 'output';

/** What the counters call each of them. */
export const MEASURES = {
  total: 'total_tokens',
  input: 'input_tokens',
  output: 'output_tokens',
} as const satisfies Record<TokenMeasure, Measure>;

/** What the limits need to know of one call. */
export interface LimitedCall {
  readonly modelGroup: string;
  /** Upper bound of the input in tokens, finite: an opaque part (see `CallFacts`) makes it the model's context window. */
  readonly tokensBound: number;
  readonly facts: CallFacts;
  /** What an answer without a cap takes, where an operator says so. */
  readonly usualOutputTokens?: number | undefined;
}

/** How many tokens to take from a window: `amount`, or as much as is left but no less than `atLeast`. */
export interface TokenHold {
  readonly amount: number;
  readonly atLeast?: number;
}

/**
 * A caller's cap is held in full, so that the limit can never be passed. Without one, or with one that could never fit,
 * what is left is held, and the cap sent upstream is lowered to it (`outputCapOf`): a small limit slows answers down to
 * its own size, it never refuses a request that fits.
 */
export function tokenHoldOf(call: LimitedCall, measure: TokenMeasure, smallestLimit: number): TokenHold {
  const { facts } = call;
  const isOpaque = facts.inputTokenBound === Infinity;
  const input = measure === 'output' ? 0 : whole(call.tokensBound);
  // What an opaque part costs is known only afterwards; insisting on a whole context window would refuse every image.
  const known = isOpaque ? 0 : input;
  if (!mayAnswer(call, measure))
    return isOpaque ? { amount: input, atLeast: Math.min(input, 1) } : { amount: input };
  const choices = Math.max(1, whole(facts.choices));
  const cap = facts.maxOutputTokens === undefined ? undefined : whole(facts.maxOutputTokens);
  if (cap !== undefined && !isOpaque && input + cap * choices <= smallestLimit)
    return { amount: input + cap * choices };
  const wanted = cap ?? call.usualOutputTokens ?? USUAL_OUTPUT_TOKENS;
  const minimal = Math.min(wanted, Math.max(MINIMAL_OUTPUT_TOKENS, (facts.thinkingTokens ?? -1) + 1));
  const least = Math.min(
    known + minimal * choices,
    Math.max(smallestLimit, known + Math.min(wanted, 1) * choices),
  );
  return { amount: Math.min(input + wanted * choices, Number.MAX_SAFE_INTEGER), atLeast: least };
}

/** What a usual call takes: input and the caller's cap, or a usual answer where that is less or there is none. */
export function usualTokensOf(call: LimitedCall, measure: TokenMeasure): number {
  const { facts } = call;
  const input = measure === 'output' || facts.inputTokenBound === Infinity ? 0 : whole(call.tokensBound);
  if (!mayAnswer(call, measure)) return input;
  const usual = call.usualOutputTokens ?? USUAL_OUTPUT_TOKENS;
  const answer = Math.min(facts.maxOutputTokens ?? usual, usual);
  return Math.min(input + whole(answer) * Math.max(1, whole(facts.choices)), Number.MAX_SAFE_INTEGER);
}

/**
 * The output cap per choice that must be sent upstream so that the answer stays within what was taken; undefined when
 * the caller's own cap already does.
 */
export function outputCapOf(call: LimitedCall, measure: TokenMeasure, taken: number): number | undefined {
  if (!mayAnswer(call, measure)) return undefined;
  const { facts } = call;
  const known = measure === 'output' || facts.inputTokenBound === Infinity ? 0 : whole(call.tokensBound);
  const room = Math.max(1, Math.floor((taken - known) / Math.max(1, whole(facts.choices))));
  if (facts.maxOutputTokens !== undefined) return facts.maxOutputTokens <= room ? undefined : room;
  return Math.min(room, call.usualOutputTokens ?? USUAL_OUTPUT_TOKENS);
}

function mayAnswer(call: LimitedCall, measure: TokenMeasure): boolean {
  return measure !== 'input' && call.facts.endpoint !== 'embeddings';
}

/** Counts reach here checked; what is not a usable number counts as the largest, which can only refuse. */
function whole(count: number): number {
  return count >= 0 && count <= Number.MAX_SAFE_INTEGER ? Math.ceil(count) : Number.MAX_SAFE_INTEGER;
}
