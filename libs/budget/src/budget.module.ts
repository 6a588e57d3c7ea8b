import {
  type BeforeApplicationShutdown,
  Global,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Logger } from '#libs/telemetry';
import { SpendReader } from '#libs/tenancy';
import { BudgetPeriods } from './budget-periods.js';
import { Budgets } from './budgets.js';
import { BalanceStore } from './ledger/balance-store.js';
import { LedgerStore } from './ledger/ledger-store.js';
import { PostgresSpendReader } from './ledger/postgres-spend-reader.js';
import { SpendLedger } from './ledger/spend-ledger.js';
import { PriceBook } from './price-book/price-book.js';

/** Recovers what dead processes left before the first call is served, and stores what is left before this one ends. */
@Injectable()
class LedgerLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    private readonly ledger: SpendLedger,
    private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.ledger.start();
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

  async onApplicationShutdown(): Promise<void> {
    await this.ledger.close();
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
    { provide: SpendReader, useClass: PostgresSpendReader },
    LedgerLifecycle,
  ],
  exports: [PriceBook, SpendLedger, Budgets, BudgetPeriods, SpendReader],
})
export class BudgetModule {}
