import type { Secret } from '#libs/kernel';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../../test/harness/postgres.js';
import { testConfig } from './records.harness.js';
import { LedgerStore } from './ledger-store.js';
import { SpendLedger } from './spend-ledger.js';

/** What a spec file of the ledger stands on: a database of its own. */
export class LedgerDatabase {
  #database: TestDatabase | undefined;

  /** Call it where the file's other hooks are declared. */
  static forThisFile(): LedgerDatabase {
    const own = new LedgerDatabase();
    beforeAll(async () => {
      own.#database = await createTestDatabase();
    });
    afterAll(() => own.#database?.drop());
    return own;
  }

  get url(): Secret {
    return this.#there.url;
  }

  get rows(): DataSource {
    return this.#there.dataSource;
  }

  query<Row>(sql: string, values?: unknown[]): Promise<Row> {
    return this.rows.query(sql, values) as Promise<Row>;
  }

  /** The first column of the first row, as text. */
  async scalar(sql: string): Promise<string> {
    const [row = {}] = await this.query<Record<string, unknown>[]>(sql);
    return String(Object.values(row)[0]);
  }

  async empty(): Promise<void> {
    await this.query(
      'TRUNCATE ledger_entries, daily_activity, balances, budget_periods, spend_adjustments, virtual_keys CASCADE',
    );
  }

  /** A process's ledger, on its data directory. */
  async open(dataDir: string): Promise<SpendLedger> {
    const ledger = new SpendLedger(
      testConfig(dataDir),
      new LedgerStore(this.rows, silentLogger),
      silentLogger,
    );
    await ledger.start();
    return ledger;
  }

  get #there(): TestDatabase {
    if (!this.#database) throw new Error('there is no database before the first test');
    return this.#database;
  }
}
