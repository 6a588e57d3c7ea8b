import { Res } from '@nestjs/common';
import type { Principal } from '#libs/kernel';
import { Caller, Handles } from '#libs/rbac';
import type { Response } from 'express';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { toDailySpend, toSpendLogRow } from './spend-answers.js';
import { SpendLog } from './spend-log.js';
import { spendQuery, type SpendQuery, toSpendFilter } from './spend.schemas.js';

/** The ledger on the wire. */
@AdminController()
export class SpendController {
  constructor(private readonly log: SpendLog) {}

  /** With both dates and without `summarize=false`: sums by day; else the calls themselves, the newest first. */
  @Handles('GET /spend/logs')
  async logs(
    @Caller() caller: Principal,
    @AdminQuery(spendQuery) query: SpendQuery,
    @Res({ passthrough: true }) response: Response,
  ): Promise<readonly object[]> {
    const filter = toSpendFilter(query);
    if (query.start_date && query.end_date && query.summarize) {
      return toDailySpend(await this.log.daily(caller, filter), query.end_date);
    }
    const { entries, truncated } = await this.log.list(caller, filter);
    if (truncated) response.setHeader('x-litellm-spend-logs-truncated', 'true');
    return entries.map(toSpendLogRow);
  }
}
