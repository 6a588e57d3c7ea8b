import type { Governed } from '#libs/database';
import type { NanoUsd, Scope } from '#libs/kernel';

/** A scope, the row its budget is in, and the shared budget that speaks where the row does not. */
export interface SpendRow {
  readonly scope: Scope;
  readonly budget: Governed & { readonly createdAt: Date };
  readonly linked?: Governed | null;
}

/**
 * What scopes have spent, as people want to see it: the current period of a scope's own budget when that has a duration,
 * its lifetime otherwise. Includes every call whose end its client has seen: whoever reads has what it just paid for.
 */
export abstract class SpendReader {
  /** A scope without any spend may be absent. Keys of the map are `${type}:${id}`. */
  abstract spendOf(scopes: readonly Scope[]): Promise<ReadonlyMap<string, NanoUsd>>;
  /** The same for rows that are at hand: one question to the store. */
  abstract spendIn(rows: readonly SpendRow[]): Promise<ReadonlyMap<string, NanoUsd>>;
}
