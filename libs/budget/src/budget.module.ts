import { Global, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
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
class LedgerLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly ledger: SpendLedger) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.ledger.start();
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
