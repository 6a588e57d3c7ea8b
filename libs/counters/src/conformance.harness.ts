import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PROXY_SCOPE } from '#libs/kernel';
import type { Admission, Claim, Counters, Refusal, WindowClaim } from './counters.js';
import { anyHistory, CAPS, honestHistory, type Step, usedBy, WINDOW_MS } from './histories.harness.js';
import { type Asked, ModelCounters, type Seen, seen } from './model-counters.harness.js';

/** A store under test, and the hands on its clock. */
export interface CountersUnderTest {
  readonly counters: Counters;
  /** Waiters older than their wait must have been answered when it resolves. */
  advance(ms: number): void | Promise<void>;
  /** Resolves when all that was asked is answered, and balances are known. Absent: they always are. */
  idle?(): Promise<void>;
  close(): void | Promise<void>;
}

export interface ConformanceOptions {
  /** The store's own rule: how long the oldest waiter may be overtaken. */
  readonly overtakeMs: number;
  /** `Clock.nowMs()` when the store is made. */
  readonly startsAtEpochMs: number;
  readonly runs?: number;
}

/** The promise of `Counters`, for any store: the same random histories, the same verdicts as the naive model. */
export function describeCounters(
  name: string,
  makeStore: () => CountersUnderTest | Promise<CountersUnderTest>,
  { overtakeMs, startsAtEpochMs, runs = 300 }: ConformanceOptions,
): void {
  const made: CountersUnderTest[] = [];
  const make = async () => {
    const store = await makeStore();
    made.push(store);
    return store;
  };
  afterEach(async () => {
    for (const store of made.splice(0)) await store.close();
  });

  describe(`${name}: the same verdicts as the model`, () => {
    const start = async () => History.begin(await make(), new ModelCounters(overtakeMs, startsAtEpochMs));

    it(
      'for any history of calls, settlements, amendments, hang-ups, adjustments and time',
      { timeout: 120_000 },
      async () => {
        await fc.assert(
          fc.asyncProperty(anyHistory, async (steps) => {
            const history = await start();
            for (const step of steps) await history.apply(step);
            await history.end();
          }),
          { numRuns: runs },
        );
      },
    );

    it('and with honest providers no limit or cap is ever passed', { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(honestHistory, async (steps) => {
          const history = await start();
          for (const step of steps) {
            await history.apply(step);
            history.expectCapsKept();
          }
          history.expectWindowsKept();
          await history.end();
        }),
        { numRuns: runs },
      );
    });
  });

  describe(`${name}: windows`, () => {
    const minute: WindowClaim = {
      kind: 'window',
      key: 'rpm',
      scope: PROXY_SCOPE,
      measure: 'requests',
      limit: 100,
      windowMs: 60_000,
      amount: 1,
    };

    /** Arrival times in, admission times out. */
    async function admittedOf(arrivalsMs: readonly number[]): Promise<number[]> {
      const store = await make();
      const admitted: number[] = [];
      let nowMs = 0;
      for (const [i, atMs] of arrivalsMs.entries()) {
        await store.advance(atMs - nowMs);
        nowMs = atMs;
        const verdict = await store.counters.admit({ id: `request ${i}`, claims: [minute], waitMs: 0 });
        if (verdict.admitted) admitted.push(atMs);
      }
      return admitted;
    }

    it('admit at least 98 a minute of 109 when 100 are allowed, and never 101 in any minute', async () => {
      const minutes = 12;
      const admitted = await admittedOf(
        Array.from({ length: 109 * minutes }, (_, i) => Math.floor((i * 60_000) / 109)),
      );
      expect(busiest(admitted, 60_000)).toBeLessThanOrEqual(100);
      expect(admitted.length / minutes).toBeGreaterThanOrEqual(98);
    });

    it('let no burst through at an edge', async () => {
      const burst = (atMs: number) => Array.from({ length: 150 }, (_, i) => atMs + Math.floor(i / 10));
      const admitted = await admittedOf(
        [burst(0), burst(59_480), burst(59_990), burst(60_010), burst(60_490), burst(61_000)].flat(),
      );
      expect(busiest(admitted, 60_000)).toBeLessThanOrEqual(100);
      expect(admitted.length).toBe(200);
    });

    it('let a refused caller in exactly when it was told to come back', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 101, maxLength: 130 }),
          async (gapsMs) => {
            const store = await make();
            let told: number | undefined;
            for (const [i, gapMs] of gapsMs.entries()) {
              await store.advance(gapMs);
              const verdict = await store.counters.admit({ id: `request ${i}`, claims: [minute], waitMs: 0 });
              if (!verdict.admitted) told = verdict.refused[0]?.retryAfterMs;
              if (told !== undefined) break;
            }
            if (told === undefined) return;
            await store.advance(told - 1);
            expect(await store.counters.admit({ id: 'early', claims: [minute], waitMs: 0 })).toMatchObject({
              admitted: false,
            });
            await store.advance(1);
            expect(await store.counters.admit({ id: 'in time', claims: [minute], waitMs: 0 })).toMatchObject({
              admitted: true,
            });
          },
        ),
        { numRuns: Math.min(runs, 50) },
      );
    });
  });

  /** What `explain` stands on: whoever only asks puts such a claim among the others. */
  describe(`${name}: a claim that nobody can have`, () => {
    it('lets every other claim say what it would say, and nothing is taken', async () => {
      const { counters } = await make();
      const windowOf = (key: string, limit: number): Claim => ({
        kind: 'window',
        key,
        scope: PROXY_SCOPE,
        measure: 'requests',
        limit,
        windowMs: 60_000,
        amount: 1,
      });
      const nobodys: Claim = { kind: 'gauge', key: 'nobody', scope: PROXY_SCOPE, limit: 0 };
      const spent: Claim = {
        kind: 'money',
        key: 'spent',
        scope: PROXY_SCOPE,
        budget: 'main',
        capNanoUsd: 5n,
        minNanoUsd: 1n,
        fullNanoUsd: 1n,
      };
      await counters.open('spent', 5n);
      const full = windowOf('full', 1);
      const free = windowOf('free', 2);
      expect((await counters.admit({ id: 'first', claims: [full], waitMs: 0 })).admitted).toBe(true);
      for (let n = 0; n < 5; n += 1) {
        const asked = await counters.admit({
          id: `asked ${n}`,
          claims: [full, free, spent, nobodys],
          waitMs: 0,
        });
        const refused = asked.admitted ? [] : asked.refused.map(({ claim }) => claim.key);
        expect(refused.toSorted()).toEqual(['full', 'nobody', 'spent']);
      }
      for (const id of ['a', 'b'])
        expect((await counters.admit({ id, claims: [free], waitMs: 0 })).admitted).toBe(true);
    });
  });
}

/** The most that fell into any interval of that length, whatever its offset. */
export function busiest(timesMs: readonly number[], lengthMs: number): number {
  return Math.max(
    0,
    ...timesMs.map((from) => timesMs.filter((at) => at >= from && at < from + lengthMs).length),
  );
}

class History {
  readonly #asked: Asked[] = [];
  readonly #answers = new Map<string, Seen>();
  readonly #admitted: {
    readonly atMs: number;
    readonly admission: Admission;
    tokens: number;
    requests: number;
  }[] = [];
  readonly #controllers = new Map<string, AbortController>();

  private constructor(
    private readonly store: CountersUnderTest,
    private readonly model: ModelCounters,
  ) {}

  static async begin(store: CountersUnderTest, model: ModelCounters): Promise<History> {
    for (const key of Object.keys(CAPS)) await store.counters.open(key, 0n);
    return new History(store, model);
  }

  async apply(step: Step): Promise<void> {
    await this.#do(step);
    await this.#expectSame();
  }

  /** One thing after the other, also where several processes are told of them. */
  async #do(step: Step): Promise<void> {
    await this.#begin(step);
    await this.store.idle?.();
  }

  async #begin(step: Step): Promise<void> {
    const { counters } = this.store;
    if (step.kind === 'admit') {
      const asked: Asked = { id: `request ${this.#asked.length}`, claims: step.claims, waitMs: step.waitMs };
      this.#asked.push(asked);
      this.#controllers.set(asked.id, new AbortController());
      this.#admit(asked);
      this.model.admit(asked);
      return;
    }
    if (step.kind === 'advance') {
      await this.store.advance(step.ms);
      return this.model.advance(step.ms);
    }
    if (step.kind === 'adjust') {
      await counters.adjust(step.key, step.delta);
      return this.model.adjust(step.key, step.delta);
    }
    const asked = this.#asked[step.index % Math.max(1, this.#asked.length)];
    if (!asked) return;
    const answer = this.#answers.get(asked.id);
    const granted = answer && 'granted' in answer ? answer.granted : 0n;
    switch (step.kind) {
      case 'repeat':
        this.#admit(asked);
        return this.model.admit(asked);
      case 'abort':
        this.#controllers.get(asked.id)?.abort();
        return this.model.abort(asked.id);
      case 'amend': {
        const hold = (granted * BigInt(step.percent)) / 100n;
        counters.amend(asked.id, hold);
        return this.model.amend(asked.id, hold);
      }
      case 'settle':
        return this.#settle(asked, step.tokens, step.costPercent);
    }
  }

  async #settle(asked: Asked, tokens: number, costPercent: number): Promise<void> {
    const record = this.#admitted.find(({ admission }) => admission.id === asked.id);
    const isLive = this.model.liveIds().includes(asked.id);
    const used = usedBy(
      asked,
      record?.tokens ?? 0,
      isLive ? this.model.liveGrant(asked.id) : 0n,
      tokens,
      costPercent,
    );
    if (record && isLive) {
      record.tokens = used.totalTokens;
      record.requests = used.requests;
    }
    await this.store.counters.settle(asked.id, used);
    this.model.settle(asked.id, used);
  }

  #admit(asked: Asked): void {
    const verdict = this.store.counters.admit({ ...asked, signal: this.#controllerOf(asked.id).signal });
    const note = (given: Admission | Refusal) => {
      const known = this.#answers.get(asked.id);
      if (known) return expect(seen(given)).toEqual(known);
      this.#answers.set(asked.id, seen(given));
      if (!given.admitted) return;
      const tokens = given.elasticAmount ?? tokensOf(asked.claims);
      this.#admitted.push({ atMs: this.model.nowMs, admission: given, tokens, requests: 1 });
    };
    if (verdict instanceof Promise) void verdict.then(note);
    else note(verdict);
  }

  #controllerOf(id: string): AbortController {
    return this.#controllers.get(id) ?? new AbortController();
  }

  async #expectSame(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    expect(Object.fromEntries(this.#answers)).toEqual(Object.fromEntries(this.model.answers));
    for (const key of Object.keys(CAPS)) {
      expect(this.store.counters.balance(key)).toEqual({
        settledNanoUsd: this.model.settled.get(key) ?? 0n,
        heldNanoUsd: this.model.heldOf(key),
      });
    }
  }

  expectCapsKept(): void {
    for (const [key, cap] of Object.entries(CAPS)) {
      const { settledNanoUsd = 0n, heldNanoUsd = 0n } = this.store.counters.balance(key) ?? {};
      expect(settledNanoUsd + heldNanoUsd).toBeLessThanOrEqual(cap);
    }
  }

  /** Sums from scratch what really passed, in every interval that begins with an admission. */
  expectWindowsKept(): void {
    for (const { atMs: from, admission } of this.#admitted) {
      for (const { claim } of admission.standings) {
        if (claim.kind === 'gauge') continue;
        const total = this.#admitted
          .filter(({ atMs }) => atMs >= from && atMs < from + WINDOW_MS)
          .filter((other) => other.admission.standings.some((standing) => standing.claim.key === claim.key))
          .reduce((sum, other) => sum + (claim.measure === 'requests' ? other.requests : other.tokens), 0);
        expect(total).toBeLessThanOrEqual(claim.limit);
      }
    }
  }

  /** Everybody hangs up or ends: nothing may be left behind anywhere. */
  async end(): Promise<void> {
    for (const id of this.model.waitingIds())
      await this.#do({ kind: 'abort', index: this.#asked.findIndex((asked) => asked.id === id) });
    for (const id of this.model.liveIds()) {
      const index = this.#asked.findIndex((asked) => asked.id === id);
      await this.#do({ kind: 'settle', index, tokens: 50, costPercent: 50 });
    }
    expect(this.model.liveIds().concat(this.model.waitingIds())).toEqual([]);
    await this.#expectSame();
    await this.store.advance(WINDOW_MS * 2);
    const claims: Claim[] = [
      {
        kind: 'window',
        key: 'tokens:a',
        scope: PROXY_SCOPE,
        measure: 'total_tokens',
        limit: 100,
        windowMs: WINDOW_MS,
        amount: 100,
      },
      { kind: 'gauge', key: 'slots', scope: PROXY_SCOPE, limit: 1 },
    ];
    expect(await this.store.counters.admit({ id: 'after all', claims, waitMs: 0 })).toMatchObject({
      admitted: true,
    });
  }
}

function tokensOf(claims: readonly Claim[]): number {
  for (const claim of claims)
    if (claim.kind === 'window' && claim.measure === 'total_tokens') return claim.amount;
  return 0;
}
