import { unavailable } from './outage-share.js';
import type { Session } from './session.js';

/** What this process asks of the counters beside admissions, where somebody waits for the answer. */
export class Questions {
  readonly #open = new Set<() => void>();

  constructor(private readonly session: Session) {}

  /** `spends`: budgets that it changes. Rejects when the counters get out of reach; what was asked may still be done when they are back. */
  ask = (op: readonly unknown[], spends?: readonly string[]): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const { state } = this.session;
    if (state === 'closed' || state === 'away') {
      reject(unavailable(`the counters are ${state}`));
      return promise;
    }
    const failed = (): void => {
      this.#open.delete(failed);
      reject(unavailable('the counters got out of reach'));
    };
    const done = (result: unknown): void => {
      this.#open.delete(failed);
      resolve(result);
    };
    this.#open.add(failed);
    const asked = { text: JSON.stringify(op), done, failed };
    this.session.outbox.push(spends ? { ...asked, spends } : asked);
    return promise;
  };

  /** Nobody is kept waiting for what cannot be answered now. */
  failAll(): void {
    for (const failed of [...this.#open]) failed();
  }
}
