import type { ScopeType } from '#libs/kernel';

/**
 * What can change under a cache. `key_hash` names a credential by its hash, for caches that never knew the key's id; `spend`
 * names a scope (`key:…`) whose spend somebody set. The key `*` is every key.
 * `erasure`: somebody was erased, and what a process keeps in files of its own must not remember.
 */
export type ChangeNoun =
  | ScopeType
  | 'key_hash'
  | 'budget'
  | 'spend'
  | 'config'
  | 'credential'
  | 'access_group'
  | 'pass_through_endpoint'
  | 'erasure'
  | 'session'
  | 'jwt_key_mapping'
  | 'role';

/** One committed change, as every process hears it. `id`: of the row; `seq`: its place among the published ones, which is not the order of commits. */
export interface Change {
  readonly seq: bigint;
  readonly noun: ChangeNoun;
  readonly id: string;
}

/** Where a published change stands in the order of things: what to wait for. */
export interface ChangeMark {
  readonly seq: bigint;
  readonly xid: bigint;
}

/** Who drops what it had cached. */
export interface ChangeSubscriber {
  /** Called synchronously for every change of every process, this one included; at least once, in no promised order. Must not throw. */
  onChange(change: Change): void;
  /** Changes were missed that cannot be recovered: drop everything that is cached. Must not throw. */
  onGap(): void;
}
