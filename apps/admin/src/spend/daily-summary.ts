import { Injectable } from '@nestjs/common';
import { DailySums, EntityActivity, KeyActivity, type LogFilter, type View } from '#libs/budget';
import { DAY_MS, dayOf } from '#libs/kernel';
import { toDailySpend } from './spend-answers.js';

/** Keys and users named in one day: each becomes a member of the day's object. */
const MOST_NAMED = 1_000;
/** Where nobody is named. */
const MOST_OF_ALL = 100;

/** `/spend/logs` by day. */
@Injectable()
export class DailySummary {
  constructor(
    private readonly sums: DailySums,
    private readonly entities: EntityActivity,
    private readonly keys: KeyActivity,
  ) {}

  /** The range ends at the first moment of `until`, as the contract has it: the last day is the one before. */
  async read(
    view: View,
    { keyHash, userId }: LogFilter,
    from: Date,
    until: Date,
  ): Promise<readonly object[]> {
    const keyId = keyHash === undefined ? undefined : await this.keys.idNamed(keyHash);
    const filter = {
      view,
      from: dayOf(from.getTime()),
      until: dayOf(until.getTime() - DAY_MS),
      only: {
        ...(keyId === undefined ? {} : { key_id: [keyId] }),
        ...(userId === undefined ? {} : { user_id: [userId] }),
      },
    };
    const everybody = view.everything && keyId === undefined && userId === undefined;
    const most = everybody ? MOST_OF_ALL : MOST_NAMED;
    // A caller that speaks for a customer sees the rows that name it.
    const facet = view.customerId === undefined ? 'key' : 'customer';
    const [models, users, keys] = await Promise.all([
      this.sums.sum({ ...filter, by: ['day', 'model_group'], coarse: 'proxy', fine: facet }),
      this.entities.days('user', filter, most, everybody),
      this.keys.days(filter, facet, 'user_id', most, everybody),
    ]);
    return toDailySpend(models, users, keys, until);
  }
}
