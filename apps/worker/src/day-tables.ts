import { Injectable } from '@nestjs/common';
import { ensureLedgerPartitions, layOutDays, withTransaction } from '#libs/database';
import { Clock, DAY_MS, dayOf } from '#libs/kernel';
import { DataSource } from 'typeorm';

const WORKER = { system: 'worker' };
/** Partitions from yesterday (a call admitted before midnight may end after it) to a week ahead: a week without a worker is bridged. */
const DAYS_BACK = 1;
const DAYS = 9;
/** Calls that were under way at midnight, and their records, have come in by then. */
const LATE_MS = 2 * 3_600_000;
/** Days laid out in one go: after an upgrade, yesterday's turn comes when the older ones have had theirs. */
const MOST_DAYS = 3;

/** The tables that have a part for each day. */
@Injectable()
export class DayTables {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Parts for the days to come. */
  makeAhead(): Promise<number> {
    const from = dayOf(this.clock.nowMs() - DAYS_BACK * DAY_MS);
    return withTransaction(this.dataSource, WORKER, (manager) => ensureLedgerPartitions(manager, from, DAYS));
  }

  /** Rows of days that are over, into the order in which reports read them. Answers which days. */
  layOut(): Promise<readonly string[]> {
    const before = dayOf(this.clock.nowMs() - LATE_MS);
    return layOutDays((work) => withTransaction(this.dataSource, WORKER, work), before, MOST_DAYS);
  }
}
