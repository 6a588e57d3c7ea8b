import { beforeEach, describe, expect, it } from 'vitest';
import type { Budgets } from '#libs/budget';
import { type AdmissionRequest, type Counters, CountersClosed } from '#libs/counters';
import { GatewayError, type Principal } from '#libs/kernel';
import { type Verdict, Verdicts } from './verdicts.js';

const ADMITTED: Verdict = {
  admitted: true,
  id: 'r1',
  grantedNanoUsd: 0n,
  clamped: false,
  waitedMs: 0,
  standings: [],
};
const REQUEST: AdmissionRequest = { id: 'r1', claims: [], waitMs: 0 };
const CALLER = {} as Principal;
const AT_MS = 1_000;

/** Shared counters that answer what they are told to, one after the other. */
class SharedCounters {
  readonly asked: AdmissionRequest[] = [];
  answers: (Verdict | Error)[] = [];
  admit(request: AdmissionRequest): Promise<Verdict> {
    this.asked.push(request);
    const answer = this.answers.shift() ?? ADMITTED;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }
}

describe('asking counters that were closed meanwhile', () => {
  const closed = () => new CountersClosed(['budget:key:k']);
  let counters: SharedCounters;
  let opened: unknown[][];
  let verdicts: Verdicts;
  beforeEach(() => {
    counters = new SharedCounters();
    opened = [];
    const budgets = { open: (...of: unknown[]) => Promise.resolve(void opened.push(of)) };
    verdicts = new Verdicts(counters as unknown as Counters, budgets as unknown as Budgets);
  });

  it('opens them again for the same caller and instant, and asks the same question under the same id', async () => {
    counters.answers = [closed(), closed()];
    const deployments = [] as const;
    expect(await verdicts.of(REQUEST, CALLER, AT_MS, deployments)).toBe(ADMITTED);
    expect(counters.asked).toEqual([REQUEST, REQUEST, REQUEST]);
    expect(opened).toEqual([
      [CALLER, AT_MS, deployments],
      [CALLER, AT_MS, deployments],
    ]);
  });

  it('opens them four times at the most, then says that the limits cannot be verified', async () => {
    counters.answers = Array.from({ length: 9 }, closed);
    await expect(verdicts.of(REQUEST, CALLER, AT_MS)).rejects.toBeInstanceOf(CountersClosed);
    expect([opened.length, counters.asked.length]).toEqual([4, 5]);
  });

  it('does not ask again after any other failure, nor where opening fails', async () => {
    const down = new GatewayError('counters.unavailable', 'down');
    counters.answers = [down];
    await expect(verdicts.of(REQUEST, CALLER, AT_MS)).rejects.toBe(down);
    expect(opened).toEqual([]);
    const failing = new Verdicts(
      counters as unknown as Counters,
      { open: () => Promise.reject(down) } as unknown as Budgets,
    );
    counters.answers = [closed()];
    await expect(failing.of(REQUEST, CALLER, AT_MS)).rejects.toBe(down);
    expect(counters.asked).toHaveLength(2);
  });

  it('answers at once where the counters do', () => {
    const local = new Verdicts({ admit: () => ADMITTED } as unknown as Counters, {} as unknown as Budgets);
    expect(local.of(REQUEST, CALLER, AT_MS)).toBe(ADMITTED);
  });
});
