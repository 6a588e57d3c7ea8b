import { Injectable } from '@nestjs/common';
import { Budgets } from '#libs/budget';
import {
  type Admission,
  type AdmissionRequest,
  Counters,
  CountersClosed,
  type Refusal,
} from '#libs/counters';
import type { Principal } from '#libs/kernel';
import type { Deployment } from '#libs/routing';

export type Verdict = Admission | Refusal;

/**
 * A counter is closed when Redis has lost its memory, and once for each dead process whose records are found (decision 045). A rollout
 * that goes wrong does that a few times while one call waits in line; more often is no accident, and the caller is told to come again.
 */
const MAX_REOPENINGS = 4;

/** What the counters say about a call. */
@Injectable()
export class Verdicts {
  constructor(
    private readonly counters: Counters,
    private readonly budgets: Budgets,
  ) {}

  /**
   * Synchronous where the counters are. Shared counters may have been closed since they were opened for this caller, by a loss or by
   * records that were found: they are opened again, and asked the same question under the same id, which is taken once.
   */
  of(
    request: AdmissionRequest,
    principal: Principal,
    atMs: number,
    deployments?: readonly Deployment[],
  ): Verdict | Promise<Verdict> {
    const verdict = this.counters.admit(request);
    return verdict instanceof Promise
      ? this.#reopened(verdict, request, principal, atMs, deployments)
      : verdict;
  }

  async #reopened(
    first: Promise<Verdict>,
    request: AdmissionRequest,
    principal: Principal,
    atMs: number,
    deployments: readonly Deployment[] | undefined,
  ): Promise<Verdict> {
    let verdict: Verdict | Promise<Verdict> = first;
    for (let reopenings = 0; ; reopenings += 1) {
      try {
        return await verdict;
      } catch (error) {
        if (!(error instanceof CountersClosed) || reopenings === MAX_REOPENINGS) throw error;
      }
      await this.budgets.open(principal, atMs, deployments);
      verdict = this.counters.admit(request);
    }
  }
}
