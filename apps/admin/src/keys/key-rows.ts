import { Injectable } from '@nestjs/common';
import { Budget, type VirtualKey } from '#libs/database';
import type { NanoUsd } from '#libs/kernel';
import { LiveCatalogue } from '#libs/runtime';
import { SpendReader } from '#libs/tenancy';
import { DataSource } from 'typeorm';
import { KeyAnswers } from './key-answers.js';

/** A key's row with what it has spent and the shared budget it points to, for the answers of changes. */
@Injectable()
export class KeyRows {
  constructor(
    private readonly database: DataSource,
    private readonly spend: SpendReader,
    private readonly answers: KeyAnswers,
    private readonly live: LiveCatalogue,
  ) {}

  async row(key: VirtualKey): Promise<Record<string, unknown>> {
    const [linked, spent] = await this.around(key);
    return this.answers.row(key, spent, linked);
  }

  /** Asked only after the change was allowed: a shared budget is nobody's secret to whoever may change a key with it. */
  async around(key: VirtualKey): Promise<readonly [Budget | null, NanoUsd]> {
    const linked =
      key.budgetId === null
        ? null
        : await this.database.getRepository(Budget).findOneBy({ id: key.budgetId });
    // What this process changed of access groups it also shows.
    await this.live.settled();
    const spent = await this.spend.spendIn([{ scope: { type: 'key', id: key.id }, budget: key, linked }]);
    return [linked, spent.get(`key:${key.id}`) ?? 0n];
  }
}
