import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, type CallFacts, type Principal, type ScopeLimit } from '#libs/kernel';
import { Config, type ConfigTree } from '#libs/config';
import { type Admission, type Claim, LocalCounters, type Refusal } from '#libs/counters';
import { RateLimits } from './rate-limits.js';
import type { LimitedCall } from './token-hold.js';

const key = { type: 'key', id: 'key_1' } as const;
const team = { type: 'team', id: 'team_1' } as const;
const facts: CallFacts = {
  endpoint: 'chat',
  requestedModel: 'demo',
  stream: false,
  inputTokenBound: 20,
  choices: 1,
  tags: [],
};
const call: LimitedCall = { modelGroup: 'demo', tokensBound: 20, facts };

let clock: ManualClock;
let counters: LocalCounters;
let limits: RateLimits;
let made = 0;

function rateLimits(own: Partial<ConfigTree['limits']> = {}): RateLimits {
  return new RateLimits(
    new Config({ limits: { windowMs: 60_000, tokenMeasure: 'total', ...own }, router: {} } as ConfigTree),
    clock,
  );
}

function principal(...scopes: ScopeLimit[]): Principal {
  return { limits: scopes } as unknown as Principal;
}

function claimsOf(caller: Principal, asked = call): Claim[] {
  const claims: Claim[] = [];
  limits.claims(caller, asked, claims);
  return claims;
}

function admit(caller: Principal, asked = call): Admission | Refusal {
  const verdict = counters.admit({
    id: `request ${(made += 1)}`,
    claims: claimsOf(caller, asked),
    waitMs: 0,
  });
  if (verdict instanceof Promise) throw new Error('it waits');
  return verdict;
}

function refusalOf(caller: Principal, asked = call): Refusal {
  const verdict = admit(caller, asked);
  if (verdict.admitted) throw new Error('it was admitted');
  return verdict;
}

beforeEach(() => {
  clock = new ManualClock(Date.UTC(2026, 0, 1));
  counters = new LocalCounters(clock);
  limits = rateLimits();
});

describe('the claims of a call', () => {
  it('are one per limit of every scope, made once for what does not change', () => {
    const caller = principal(
      { scope: key, requestsPerMinute: 5, tokensPerMinute: 9_000, parallelRequests: 2 },
      { scope: team, requestsPerMinute: 50 },
    );
    const claims = claimsOf(caller);
    expect(
      claims.map((claim) => `${claim.kind} ${claim.scope.type} ${claim.kind === 'money' ? '' : claim.limit}`),
    ).toEqual(['window key 5', 'gauge key 2', 'window team 50', 'window key 9000']);
    expect(claimsOf(caller)[0]).toBe(claims[0]);
  });

  it('count a scope that is listed twice once, at the lower limit', () => {
    expect(
      claimsOf(principal({ scope: key, requestsPerMinute: 9 }, { scope: key, requestsPerMinute: 3 })),
    ).toMatchObject([{ limit: 3 }]);
  });

  it('treat 0 as a limit that blocks', () => {
    expect(admit(principal({ scope: key, requestsPerMinute: 0 }))).toMatchObject({ admitted: false });
  });

  it('measure what the operator chose', () => {
    limits = rateLimits({ tokenMeasure: 'output' });
    expect(claimsOf(principal({ scope: key, tokensPerMinute: 9_000 }))).toMatchObject([
      { measure: 'output_tokens', amount: 1_024 },
    ]);
  });
});

describe('a small token limit', () => {
  it('shortens the answer instead of refusing the call', () => {
    const caller = principal({ scope: key, tokensPerMinute: 100 });
    const verdict = admit(caller);
    expect(verdict).toMatchObject({ admitted: true, elasticAmount: 100 });
    expect(verdict.admitted && limits.outputCap(call, verdict)).toBe(80);
  });

  it('leaves a cap that fits as it is', () => {
    const asked = { ...call, facts: { ...facts, maxOutputTokens: 30 } };
    const verdict = admit(principal({ scope: key, tokensPerMinute: 100 }), asked);
    expect(verdict.admitted && limits.outputCap(asked, verdict)).toBeUndefined();
  });
});

describe('the explanation of a refusal', () => {
  it('is a 429 that names the limit and the true time to come back', () => {
    const caller = principal({ scope: key, requestsPerMinute: 1 });
    admit(caller);
    clock.advance(10_000);
    const error = limits.explain(refusalOf(caller));
    expect(error).toMatchObject({ code: 'ratelimit.exceeded', status: 429, type: 'rate_limit_error' });
    expect(error.publicMessage).toContain('Rate limit exceeded for api_key: key_1.');
    expect(error.headers).toEqual({
      'retry-after': '51',
      rate_limit_type: 'requests',
      reset_at: String(Date.UTC(2026, 0, 1, 0, 1, 1) / 1_000),
      'x-ratelimit-api_key-limit-requests': '1',
      'x-ratelimit-api_key-remaining-requests': '0',
    });
    expect(error.denial).toMatchObject({
      scope: { type: 'key', id: 'key_1' },
      dimension: 'requests',
      limit: 1,
      current: 1,
      resetsAtMs: Date.parse('2026-01-01T00:01:00.500Z'),
    });
    clock.advance(Number(error.headers['retry-after']) * 1_000);
    expect(admit(caller)).toMatchObject({ admitted: true });
  });

  it('promises the longest wait of all limits in the way', () => {
    admit(principal({ scope: team, requestsPerMinute: 1 }));
    clock.advance(30_000);
    admit(principal({ scope: key, requestsPerMinute: 1 }));
    const error = limits.explain(
      refusalOf(principal({ scope: team, requestsPerMinute: 1 }, { scope: key, requestsPerMinute: 1 })),
    );
    expect(error.headers).toMatchObject({ 'retry-after': '61' });
    expect(error.denial).toMatchObject({ scope: key });
  });

  it.each([
    ['requests', { requestsPerMinute: 0 }, 'requests', 'Waiting does not help.'],
    ['tokens', { tokensPerMinute: 10 }, 'tokens', 'this call needs 21'],
    ['slots', { parallelRequests: 0 }, 'max_parallel_requests', 'It allows 0 requests at a time'],
  ] as const)('says what is short: %s', (_, limit, type, words) => {
    const error = limits.explain(refusalOf(principal({ scope: key, ...limit })));
    expect(error.headers).toMatchObject({ rate_limit_type: type });
    expect(error.headers).not.toHaveProperty('retry-after');
    expect(error.publicMessage).toContain(words);
  });

  /** A hash in an error message is a handle on the key store; a line break in a customer id is a forged header. */
  it('never shows a hash, and nothing that breaks a header', () => {
    const hash = 'a'.repeat(60) + '1234';
    const hashed = limits.explain(
      refusalOf(principal({ scope: { type: 'key', id: hash }, requestsPerMinute: 0 })),
    );
    // `change` stays inside: whoever shows it decides by whose it is.
    const told = { ...hashed.denial, change: undefined };
    expect(JSON.stringify([hashed.publicMessage, told, hashed.headers])).not.toContain('aaaa');
    const forged = limits.explain(
      refusalOf(principal({ scope: { type: 'customer', id: 'x\r\nset-cookie: a' }, requestsPerMinute: 0 })),
    );
    expect(forged.publicMessage).not.toMatch(/[\r\n]/);
  });
});

describe('limit headers', () => {
  it('tell every scope, and the tightest under the names clients read', () => {
    const verdict = admit(
      principal(
        { scope: key, requestsPerMinute: 5, tokensPerMinute: 9_000 },
        { scope: team, requestsPerMinute: 3, parallelRequests: 2 },
      ),
    );
    const out: string[] = [];
    limits.headers(verdict.admitted ? verdict.standings : [], out);
    const headers = Object.fromEntries(out.flatMap((name, i) => (i % 2 === 0 ? [[name, out[i + 1]]] : [])));
    expect(headers).toEqual({
      'x-ratelimit-api_key-limit-requests': '5',
      'x-ratelimit-api_key-remaining-requests': '4',
      'x-ratelimit-api_key-limit-tokens': '9000',
      'x-ratelimit-api_key-remaining-tokens': '7956',
      'x-ratelimit-team-limit-requests': '3',
      'x-ratelimit-team-remaining-requests': '2',
      'x-ratelimit-team-limit-max_parallel_requests': '2',
      'x-ratelimit-team-remaining-max_parallel_requests': '1',
      'x-ratelimit-limit-requests': '3',
      'x-ratelimit-remaining-requests': '2',
      'x-ratelimit-limit-tokens': '9000',
      'x-ratelimit-remaining-tokens': '7956',
      'x-litellm-key-rpm-limit': '5',
      'x-litellm-key-tpm-limit': '9000',
    });
  });
});

describe('limits of one name', () => {
  /** A name that is sent twice is read as whichever value comes first, or as both: `5000, 3000`. */
  it('are told once, the tighter one: input beside all tokens, one tag beside another', () => {
    const tags = ['blue', 'red'].map((id) => ({ type: 'tag' as const, id }));
    const verdict = admit(
      principal(
        { scope: key, tokensPerMinute: 9_000, inputTokensPerMinute: 3_000, outputTokensPerMinute: 5_000 },
        ...tags.map((scope, i) => ({ scope, requestsPerMinute: 7 - 2 * i })),
      ),
    );
    const out: string[] = [];
    limits.headers(verdict.admitted ? verdict.standings : [], out);
    const names = out.filter((_, i) => i % 2 === 0);
    expect(names).toHaveLength(new Set(names).size);
    const told = (name: string): string | undefined => out[out.indexOf(name) + 1];
    expect(told('x-ratelimit-tag-limit-requests')).toBe('5');
    expect(told('x-ratelimit-tag-remaining-requests')).toBe('4');
    expect(told('x-ratelimit-api_key-limit-tokens')).toBe('3000');
    expect(told('x-litellm-key-tpm-limit')).toBe('9000');
  });

  it('are told once by a refusal, too, with the field that the admin API has for each', () => {
    const scope = { type: 'key', id: 'k' } as const;
    const refused = limits.explain(
      refusalOf(principal({ scope, inputTokensPerMinute: 0, tokensPerMinute: 0 })),
    );
    const fields = [refused.denial, ...(refused.denial?.others ?? [])].map((one) => one?.change?.field);
    expect(fields.toSorted()).toEqual(['itpm_limit', 'tpm_limit']);
    expect(refused.headers).toMatchObject({ 'x-ratelimit-api_key-remaining-tokens': '0' });
  });
});

describe('limits that are meant for bad times', () => {
  const caller = {
    ...principal(
      { scope: key, requestsPerMinute: 1, tokensPerMinute: 5_000, parallelRequests: 9 },
      { scope: team, requestsPerMinute: 2 },
    ),
    relaxedLimits: ['requests'],
  } as Principal;
  const shapes = (isHealthy: boolean, throttled = false): string[] => {
    const claims: Claim[] = [];
    limits.claims(caller, call, claims, throttled, isHealthy);
    return claims.map(
      (claim) => `${claim.scope.type} ${claim.kind === 'window' ? claim.measure : claim.kind}`,
    );
  };

  it('do not count while the model is healthy; all others of the caller do', () => {
    expect(shapes(true)).toEqual(['key gauge', 'team requests', 'key total_tokens']);
    expect(shapes(false)).toContain('key requests');
  });

  it('count for a key that is slowed down', () => {
    expect(shapes(true, true)).toContain('key requests');
  });
});

describe('the limits of a deployment', () => {
  it('refuse the deployment, not the caller, and are told to nobody', () => {
    const deployment = { id: 'dep_1', requestsPerMinute: 1, maxParallelRequests: 1 };
    const claims: Claim[] = [];
    limits.deploymentClaims(deployment, call, claims);
    const first = counters.admit({ id: 'first', claims, waitMs: 0 });
    const second = counters.admit({ id: 'second', claims, waitMs: 0 });
    if (first instanceof Promise || second instanceof Promise || !first.admitted || second.admitted)
      throw new Error('unexpected verdicts');
    const out: string[] = [];
    limits.headers(first.standings, out);
    expect(out).toEqual([]);
    expect(limits.explain(second).publicMessage).not.toContain('dep_1');
  });
});
