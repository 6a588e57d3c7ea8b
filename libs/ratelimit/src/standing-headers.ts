import type { PoolClaim, Standing } from '#libs/counters';
import type { Scope } from '#libs/kernel';
import { descriptorOf, type Dimension, dimensionOf } from './descriptors.js';

interface HeaderNames {
  readonly limit: string;
  readonly remaining: string;
}

/** Made once each: building names per response would cost more than counting did. There are few descriptors. */
const NAMES = new Map<string, Readonly<Record<Dimension, HeaderNames>>>();

function namesFor(descriptor: string): Readonly<Record<Dimension, HeaderNames>> {
  let names = NAMES.get(descriptor);
  if (!names) NAMES.set(descriptor, (names = namesOf(`x-ratelimit-${descriptor}`)));
  return names;
}

function namesOf(prefix: string): Readonly<Record<Dimension, HeaderNames>> {
  const of = (dimension: Dimension) => ({
    limit: `${prefix}-limit-${dimension}`,
    remaining: `${prefix}-remaining-${dimension}`,
  });
  return {
    requests: of('requests'),
    tokens: of('tokens'),
    max_parallel_requests: of('max_parallel_requests'),
  };
}

/**
 * Appends name, value, name, value ... for `writeHead`: each scope's limits and what remains of them after this call's
 * hold, and the tightest of requests and tokens under the names OpenAI clients read. Deployment limits are not told.
 */
export function standingHeaders(standings: readonly Standing[], out: string[]): void {
  const from = out.length;
  let requests: Standing | undefined;
  let tokens: Standing | undefined;
  for (const standing of standings) {
    const { claim, remaining } = standing;
    if (claim.kind === 'pool') {
      pushPool(standing, claim, out);
      continue;
    }
    const descriptor = descriptorOf(claim.scope);
    if (descriptor === undefined) continue;
    const dimension = dimensionOf(claim);
    const { limit, remaining: remainingName } = namesFor(descriptor)[dimension];
    // Two tags, or limits of input and of all tokens, have one name: the tighter one is told.
    const before = isShared(dimension, claim.scope) ? out.indexOf(limit, from) : -1;
    if (before === -1) out.push(limit, String(claim.limit), remainingName, String(remaining));
    else if (remaining < Number(out[before + 3])) {
      out[before + 1] = String(claim.limit);
      out[before + 3] = String(remaining);
    }
    if (dimension === 'requests') {
      if (!requests || remaining < requests.remaining) requests = standing;
      if (claim.scope.type === 'key') out.push('x-litellm-key-rpm-limit', String(claim.limit));
    } else if (dimension === 'tokens') {
      if (!tokens || remaining < tokens.remaining) tokens = standing;
      if (claim.scope.type === 'key' && before === -1)
        out.push('x-litellm-key-tpm-limit', String(claim.limit));
    }
  }
  if (requests) pushTightest(requests, 'requests', out);
  if (tokens) pushTightest(tokens, 'tokens', out);
}

/** Whether more than one limit of a caller can have the same name. */
function isShared(dimension: Dimension, { type }: Scope): boolean {
  return dimension === 'tokens' || type === 'tag' || type === 'model';
}

/** Beside the others, not in their place: the caller's own limits are told too. */
function pushPool({ remaining, poolRemaining = 0 }: Standing, claim: PoolClaim, out: string[]): void {
  const dimension = dimensionOf(claim);
  const whole = namesFor('model_saturation_check')[dimension];
  const share = namesFor('priority_model')[dimension];
  out.push(whole.limit, String(claim.limit), whole.remaining, String(remaining));
  out.push(share.limit, String(claim.share), share.remaining, String(poolRemaining));
  if (!out.includes('x-litellm-priority'))
    out.push('x-litellm-priority', claim.pool, 'x-litellm-rate-limiter-version', 'v3');
}

function pushTightest({ claim, remaining }: Standing, dimension: 'requests' | 'tokens', out: string[]): void {
  if (dimension === 'requests') {
    out.push(
      'x-ratelimit-limit-requests',
      String(claim.limit),
      'x-ratelimit-remaining-requests',
      String(remaining),
    );
  } else {
    out.push(
      'x-ratelimit-limit-tokens',
      String(claim.limit),
      'x-ratelimit-remaining-tokens',
      String(remaining),
    );
  }
}
