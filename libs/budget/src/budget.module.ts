import {
  type BeforeApplicationShutdown,
  Global,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Counters, EpochStore, RedisCounters } from '#libs/counters';
import { Changes } from '#libs/database';
import { Logger } from '#libs/telemetry';
import { SpendReader, SpendSetter } from '#libs/tenancy';
import { AlertBook } from './alerts/alert-book.js';
import { BudgetWatch } from './alerts/budget-watch.js';
import { RefusalWatch } from './alerts/refusal-watch.js';
import { SoftBudgets } from './alerts/soft-budgets.js';
import { ScopeFacts } from './alerts/scope-facts.js';
import { BudgetPeriods } from './budget-periods.js';
import { Budgets } from './budgets.js';
import { BalanceStore } from './ledger/balance-store.js';
import { LedgerStore } from './ledger/ledger-store.js';
import { keysIn, LedgerTail } from './ledger/ledger-tail.js';
import { PostgresEpochs } from './ledger/postgres-epochs.js';
import { PostgresSpendReader } from './ledger/postgres-spend-reader.js';
import { PostgresSpendSetter } from './ledger/postgres-spend-setter.js';
import { SpendFollower } from './ledger/spend-follower.js';
import { SpendLedger } from './ledger/spend-ledger.js';
import { PriceBook } from './price-book/price-book.js';

/** Recovers what dead processes left before the first call is served, and stores what is left before this one ends. */
@Injectable()
class LedgerLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    private readonly ledger: SpendLedger,
    private readonly counters: Counters,
    private readonly epochs: EpochStore,
    private readonly logger: Logger,
    private readonly changes: Changes,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { ledger, counters, epochs } = this;
    // First, because recovered records are told to the counters.
    if (counters instanceof RedisCounters)
      await counters.start({ epochs, tail: new LedgerTail(ledger), writer: ledger.writer });
    await ledger.start();
    // Callers wait for what the dead held: its records are looked for at once, not when the worker next does.
    if (counters instanceof RedisCounters) {
      counters.onFenced(() => this.#adopt());
      ledger.onCorrected((entries) => counters.reread([...keysIn(entries)]));
    }
    this.changes.subscribe({
      onChange: ({ noun }) => noun === 'erasure' && this.#turnOver(),
      onGap: () => this.#turnOver(),
    });
  }

  /** The database is still open here, and calls may still be ending: most is stored now, the rest at the end. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.ledger
      .flush()
      .catch((error: unknown) =>
        this.logger.warn(
          { error },
          'Spend records could not be stored before shutdown; they stay in the spool.',
        ),
      );
  }

  #adopt(): void {
    this.ledger
      .adopt()
      .catch((error: unknown) =>
        this.logger.warn({ error }, 'The records of a dead process could not be stored yet.'),
      );
  }

  /** Somebody was erased in another process; this one's files must not remember. */
  #turnOver(): void {
    this.ledger
      .turnOver()
      .catch((error: unknown) => this.logger.warn({ error }, 'The spool could not be turned over yet.'));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.ledger.close();
    // Last, because others ask what this process has not stored.
    if (this.counters instanceof RedisCounters) await this.counters.close();
  }
}

/** Budgets, prices and the ledger. Wants `Config`, `Clock`, `Logger`, `DataSource` and `Counters` from the application. */
@Global()
@Module({
  providers: [
    PriceBook,
    LedgerStore,
    BalanceStore,
    SpendLedger,
    Budgets,
    BudgetPeriods,
    AlertBook,
    ScopeFacts,
    BudgetWatch,
    RefusalWatch,
    SoftBudgets,
    SpendFollower,
    { provide: EpochStore, useClass: PostgresEpochs },
    { provide: SpendReader, useClass: PostgresSpendReader },
    { provide: SpendSetter, useClass: PostgresSpendSetter },
    LedgerLifecycle,
  ],
  exports: [
    AlertBook,
    SoftBudgets,
    RefusalWatch,
    PriceBook,
    SpendLedger,
    Budgets,
    BudgetPeriods,
    SpendReader,
    SpendSetter,
  ],
})
export class BudgetModule {}
