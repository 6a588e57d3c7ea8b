import { SCOPE_TYPES } from '#libs/kernel';
import type { Standing } from '#libs/counters';
import { DESCRIPTORS, type Dimension, dimensionOf } from './descriptors.js';

interface HeaderNames {
  readonly limit: string;
  readonly remaining: string;
}

/** Made once: building names per response would cost more than counting did. */
const NAMES = new Map<string, Readonly<Record<Dimension, HeaderNames>>>(
  SCOPE_TYPES.flatMap((type) => {
    const descriptor = DESCRIPTORS[type];
    return descriptor === undefined ? [] : [[type, namesOf(`x-ratelimit-${descriptor}`)] as const];
  }),
);

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
  let requests: Standing | undefined;
  let tokens: Standing | undefined;
  for (const standing of standings) {
    const { claim, remaining } = standing;
    const names = NAMES.get(claim.scope.type);
    if (!names) continue;
    const dimension = dimensionOf(claim);
    const { limit, remaining: remainingName } = names[dimension];
    out.push(limit, String(claim.limit), remainingName, String(remaining));
    if (dimension === 'requests') {
      if (!requests || remaining < requests.remaining) requests = standing;
      if (claim.scope.type === 'key') out.push('x-litellm-key-rpm-limit', String(claim.limit));
    } else if (dimension === 'tokens') {
      if (!tokens || remaining < tokens.remaining) tokens = standing;
      if (claim.scope.type === 'key') out.push('x-litellm-key-tpm-limit', String(claim.limit));
    }
  }
  if (requests) pushTightest(requests, 'requests', out);
  if (tokens) pushTightest(tokens, 'tokens', out);
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
