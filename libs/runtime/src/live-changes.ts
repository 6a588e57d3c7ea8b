import { Injectable } from '@nestjs/common';
import { type Author, type Transaction, Transactions } from '#libs/tenancy';
import { LiveCatalogue } from './live-catalogue.js';

/** Changes of what is served while calls run: whoever is answered finds it served by this process; every other does within a second. */
@Injectable()
export class LiveChanges {
  constructor(
    private readonly transactions: Transactions,
    private readonly live: LiveCatalogue,
  ) {}

  /** As `Transactions.run`. */
  async run<T>(author: Author, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const result = await this.transactions.run(author, work);
    await this.live.settled();
    return result;
  }
}
