import type { Governed } from '#libs/database';
import { GatewayError, type NanoUsd, type Scope } from '#libs/kernel';
import type { EntityManager } from 'typeorm';

/** A scope and the budgets its spend counts in. */
export interface SpendOwner {
  readonly scope: Scope;
  readonly budget: Pick<Governed, 'maxBudgetNano' | 'budgetDuration' | 'budgetAnchorAt' | 'budgetWindows'> & {
    readonly createdAt: Date;
  };
}

/** Sets what a scope has spent, as entries of the ledger: nothing is overwritten that cannot be explained later. */
export abstract class SpendSetter {
  /** Stores what this process has not stored yet. Before the transaction, because storing wants rows that the transaction locks. */
  abstract prepare(): Promise<void>;
  /**
   * In the caller's transaction: the current period of the scope's budget (its lifetime, when it never resets) is `to` from
   * now on, and no window beside it counts more. Announce `spend` of the scope with it: open counters follow then. Returns
   * what it was.
   */
  abstract set(manager: EntityManager, owner: SpendOwner, to: NanoUsd, by: string): Promise<NanoUsd>;
  /** After the commit: resolves when this process counts from there. */
  abstract followed(scope: Scope): Promise<void>;
}

/** Spend is only ever set back: `why` says what the wanted amount is over. */
export function badReset(why: string): GatewayError {
  return new GatewayError('request.bad_field', `'reset_to' ${why}.`, { param: 'reset_to' });
}
