import type { NamedEntry } from '#libs/budget';
import { Injectable } from '@nestjs/common';
import { Pseudonyms } from '#libs/telemetry';
import { toSpendLogRow } from '../spend/spend-answers.js';

/**
 * Rows of the request log as people see them: with `anonymize_logs` they show pseudonyms. What an entry is counted for stays as
 * it is in the ledger, because budgets and reports are sums over it.
 */
@Injectable()
export class LogRows {
  constructor(private readonly pseudonyms: Pseudonyms) {}

  readonly of = (named: NamedEntry): Record<string, unknown> => {
    const { pseudonyms } = this;
    if (!pseudonyms.areOn) return toSpendLogRow(named);
    const { entry } = named;
    return toSpendLogRow({
      ...named,
      keyAlias: pseudonyms.of('name', named.keyAlias),
      // Every row is read anew, so nobody else sees this copy.
      entry: Object.assign(Object.create(Object.getPrototypeOf(entry) as object), entry, {
        userId: pseudonyms.of('user', entry.userId),
        customerId: pseudonyms.of('customer', entry.customerId),
        requesterIp: pseudonyms.of('ip', entry.requesterIp),
        userAgent: pseudonyms.of('agent', entry.userAgent),
      }) as NamedEntry['entry'],
    });
  };
}
