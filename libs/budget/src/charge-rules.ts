import type { NanoUsd, Usage } from '#libs/kernel';
import { NO_USAGE } from '#libs/kernel';
import { type Cost, costOf, NO_COST } from './price-book/cost.js';
import type { DeploymentPrice } from './price-book/price-book.js';
import type { CompiledRates } from './price-book/rates.js';

/** How a call ended, as far as money is concerned. */
export interface CallEnding {
  /** `complete`: the answer is whole. `cancelled`: the client left. `broken`: the upstream failed after it took the call. `never_sent`: nothing left this machine. `rejected`: the upstream refused with an error status. `cut`: we ended a stream that went on behind its cap. */
  readonly kind: 'complete' | 'cancelled' | 'broken' | 'never_sent' | 'rejected' | 'cut';
  /** As reported by the provider, possibly only in part (an early usage of a broken stream). */
  readonly usage: Usage | undefined;
  /** Bytes of output text that went by. */
  readonly outputBytes: number;
  /** Tokens of output that went by, where they were counted. */
  readonly outputTokens?: number;
  /** The most the answer could be: the cap that was sent upstream, all choices together. Absent: nobody knew one. */
  readonly outputTokenBound?: number;
  /** Input bound of the call in tokens, finite. */
  readonly inputTokenBound: number;
  /** Bytes of the request: what the input is estimated from. */
  readonly requestBytes: number;
}

/** What a call is charged, in billionths of a dollar, with the usage that it is charged for. */
export interface ChargedCost extends Cost {
  readonly usage: Usage;
  /** For the ledger entry: empty, or why the charge is not simply what the provider said. */
  readonly flag: string;
  /** Where the operator discounts or adds: what the list says, and what was taken off and put on. */
  readonly adjusted?: {
    readonly listNanoUsd: NanoUsd;
    readonly discountNanoUsd: NanoUsd;
    readonly marginNanoUsd: NanoUsd;
    readonly marginShare: number;
  };
}

/** Rough length of a token in English and code; an estimate, never a bound. */
const BYTES_PER_TOKEN = 4;
/** Text of more than so many bytes a token of the cap is longer than the cap allows: the upstream ignored it. */
const LONG_TOKEN_BYTES = 16;

/**
 * What a call is charged, for every way it can end; never silently zero:
 *
 * - `complete` with usage: that usage. Without: input estimate plus counted output, flagged `usage_missing`.
 * - `cancelled` before any byte: the input estimate. Later: input (reported early, else estimated) plus counted output. Flagged `cancelled`.
 * - `cut`: input as for `cancelled`, and the output that was counted. Flagged `cut`.
 * - `broken`: the same, flagged `broken_stream` once output was seen, else `upstream_error`.
 * - `rejected`: the provider answers with an error and bills nothing: 0, unless it reported a usage.
 * - `never_sent`: 0.
 *
 * Counted output is an estimate, and never more than the cap that the upstream was sent, unless so much text came that it ignored it:
 * who pays by the cap must not be charged beyond it because nobody reported what was used.
 *
 * Unknown price: cost 0, flagged `unpriced`, with the usage kept.
 */
export function chargeFor(rates: CompiledRates | undefined, ending: CallEnding): ChargedCost {
  const usage = usageOf(ending);
  const cost = rates ? costOf(rates, usage) : NO_COST;
  const billed = usage.inputTokens > 0 || usage.outputTokens > 0;
  const flag = flagOf(ending) || (rates === undefined && billed ? 'unpriced' : '');
  // A fixed price per request is owed only when the request was taken.
  return billed || ending.kind === 'complete' ? { ...cost, usage, flag } : { ...NO_COST, usage, flag };
}

/** The charge at the prices of a deployment at an instant, with what the operator's discount and margin make of the list's price. */
export function chargeAt(price: DeploymentPrice, ending: CallEnding, nowMs: number): ChargedCost {
  const charged = chargeFor(price.ratesAt(nowMs), ending);
  if (price.before === undefined) return charged;
  const list = price.before.listAt(nowMs);
  const discounted = price.before.discountedAt(nowMs);
  if (list === undefined || discounted === undefined || charged.totalNanoUsd === 0n) return charged;
  const listNanoUsd = costOf(list, charged.usage).totalNanoUsd;
  const afterDiscount = costOf(discounted, charged.usage).totalNanoUsd;
  return {
    ...charged,
    adjusted: {
      listNanoUsd,
      discountNanoUsd: listNanoUsd - afterDiscount,
      marginNanoUsd: charged.totalNanoUsd - afterDiscount,
      marginShare: price.before.marginShare,
    },
  };
}

function usageOf(ending: CallEnding): Usage {
  const { kind, usage } = ending;
  if (kind === 'never_sent') return NO_USAGE;
  if (kind === 'rejected') return usage ?? NO_USAGE;
  if (kind === 'complete' && usage) return usage;
  const seen = ending.outputTokens ?? estimatedOutput(ending);
  if (usage) {
    // The last report may be older than the last byte: whichever is more was produced.
    return seen > usage.outputTokens ? { ...usage, outputTokens: seen, source: 'estimated' } : usage;
  }
  const input = Math.max(
    1,
    Math.min(Math.ceil(ending.requestBytes / BYTES_PER_TOKEN), ending.inputTokenBound),
  );
  return { ...NO_USAGE, inputTokens: input, outputTokens: seen, source: 'estimated' };
}

function estimatedOutput({ outputBytes, outputTokenBound: most = Infinity }: CallEnding): number {
  const tokens = Math.ceil(outputBytes / BYTES_PER_TOKEN);
  return tokens > most && outputBytes <= most * LONG_TOKEN_BYTES ? most : tokens;
}

function flagOf({ kind, usage, outputBytes }: CallEnding): string {
  switch (kind) {
    case 'complete':
      return usage ? '' : 'usage_missing';
    case 'cancelled':
    case 'cut':
      return kind;
    case 'broken':
      return outputBytes > 0 ? 'broken_stream' : 'upstream_error';
    case 'rejected':
    case 'never_sent':
      return 'upstream_error';
  }
}
