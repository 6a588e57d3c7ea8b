import type { Logger } from '#libs/telemetry';
import type { BalanceStore } from './ledger/balance-store.js';
import type { PeriodOpening } from './ledger/period-opening.js';

/** For as long, periods that begin are noted together. */
const WAIT_MS = 1_000;

/** Notes for the history which periods began here, off the request path. What cannot be noted is told and given up: counters need no history. */
export class BegunPeriods {
  #waiting: PeriodOpening[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly balances: BalanceStore,
    private readonly logger: Logger,
  ) {}

  note(opening: PeriodOpening): void {
    this.#waiting.push(opening);
    this.#timer ??= setTimeout(this.#register, WAIT_MS).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  readonly #register = (): void => {
    this.#timer = undefined;
    const begun = this.#waiting.splice(0);
    this.balances
      .registerPeriods(begun)
      .catch((error: unknown) =>
        this.logger.warn(
          { error, periods: begun.length },
          'Budget periods could not be noted for the history; their counters are unaffected.',
        ),
      );
  };
}
