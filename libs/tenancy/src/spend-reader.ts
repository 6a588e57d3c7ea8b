import type { NanoUsd, Scope } from '#libs/kernel';

/**
 * What scopes have spent, as people want to see it: the current period of a scope's own budget when that has a duration,
 * its lifetime otherwise. Includes every call whose end its client has seen: whoever reads has what it just paid for.
 */
export abstract class SpendReader {
  /** A scope without any spend may be absent. Keys of the map are `${type}:${id}`. */
  abstract spendOf(scopes: readonly Scope[]): Promise<ReadonlyMap<string, NanoUsd>>;
}
