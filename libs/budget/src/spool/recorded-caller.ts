import type { Principal } from '#libs/kernel';
import { quoted } from './quoted.js';

const callers = new WeakMap<Principal, RecordedCaller>();

/**
 * Who a call is recorded under: one object for all calls of a caller, so that its part of their records is written once. Looked up text
 * by text, it cost more than the rest of a record as soon as there were more callers than a memory of texts holds.
 */
export class RecordedCaller {
  #members: string | undefined;

  constructor(
    readonly keyId: string | null,
    readonly keyHash: string | null,
    readonly userId: string | null,
    readonly teamId: string | null,
    readonly organizationId: string | null,
  ) {}

  static of(principal: Principal): RecordedCaller {
    let caller = callers.get(principal);
    if (!caller) {
      const { key, user, team, organizationId } = principal;
      caller = new RecordedCaller(
        key?.id ?? null,
        key?.hash ?? null,
        user?.id ?? null,
        team?.id ?? null,
        organizationId ?? null,
      );
      callers.set(principal, caller);
    }
    return caller;
  }

  /** Its members of a begin record, in the order of the row. */
  get members(): string {
    return (this.#members ??= [this.keyId, this.keyHash, this.userId, this.teamId, this.organizationId]
      .map(quoted)
      .join(','));
  }
}
