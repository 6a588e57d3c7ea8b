import { Injectable } from '@nestjs/common';
import type { VirtualKey } from '#libs/database';
import { Clock, type NanoUsd } from '#libs/kernel';
import { makerOf } from './authority.js';
import { KeyJudge } from './key-judge.js';
import { keyNotFound } from './key-refusals.js';
import { lockKey } from './key-rows.js';
import { badReset, SpendSetter } from './spend-setter.js';
import { type Author, type Transaction, Transactions } from './transactions.js';

/** What a key has spent before and after somebody set it. */
export interface SpendSet {
  readonly key: VirtualKey;
  readonly previousNanoUsd: NanoUsd;
  readonly spentNanoUsd: NanoUsd;
}

/** Sets what keys have spent, with an audit record and for every process that counts. */
@Injectable()
export class KeySpend {
  constructor(
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly judge: KeyJudge,
    private readonly setter: SpendSetter,
  ) {}

  /** Sets what the key has spent to less than it is. Throws 400 for more than that, or more than its budget. */
  async reset(author: Author, hash: string, toNanoUsd: NanoUsd): Promise<SpendSet> {
    await this.prepare();
    const set = await this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const found = await lockKey(manager, { hashes: [hash] }, new Date(this.clock.nowMs()));
      const [key] = await this.judge.actions(
        manager,
        author.principal,
        'reset_spend',
        found === undefined ? [] : [found],
      );
      if (key === undefined) throw keyNotFound();
      if (key.maxBudgetNano !== null && toNanoUsd > key.maxBudgetNano)
        throw badReset("is more than the key's max_budget");
      const previousNanoUsd = await this.set(transaction, author, key, toNanoUsd);
      if (toNanoUsd > previousNanoUsd) throw badReset('is more than the key has spent');
      return { key, previousNanoUsd, spentNanoUsd: toNanoUsd };
    });
    await this.followed(set.key);
    return set;
  }

  /** Before a transaction that calls `set`. */
  async prepare(): Promise<void> {
    await this.setter.prepare();
  }

  /** Inside a change of the key that somebody else began and judged. Returns what it had spent. */
  async set(transaction: Transaction, author: Author, key: VirtualKey, to: NanoUsd): Promise<NanoUsd> {
    const scope = { type: 'key', id: key.id } as const;
    const previous = await this.setter.set(
      transaction.manager,
      { scope, budget: key },
      to,
      makerOf(author.principal),
    );
    await transaction.note('updated', 'key', key.id, {
      before: { spentNanoUsd: previous.toString() },
      after: { spentNanoUsd: to.toString() },
    });
    await transaction.announce('spend', `key:${key.id}`);
    return previous;
  }

  /** After that transaction: resolves when this process counts from what was set. */
  async followed({ id }: VirtualKey): Promise<void> {
    await this.setter.followed({ type: 'key', id });
  }
}
