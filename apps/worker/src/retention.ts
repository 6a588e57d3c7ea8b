import { Injectable } from '@nestjs/common';
import { AuditTrail, pruneAudit } from '#libs/audit';
import { Config } from '#libs/config';
import { cleanUpChanges, dropDaysBefore, withTransaction } from '#libs/database';
import { Clock, DAY_MS, dayOf } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { DataSource } from 'typeorm';

const WORKER = { system: 'retention' };
/** Refusals are looked up soon or never; a shorter `data_retention_days` holds for them, too. */
const DECISION_DAYS = 7;

/** Lets the request log and the prompts go when their time is over. Totals per scope and period are kept elsewhere and stay; the audit trail goes by a time of its own. */
@Injectable()
export class Retention {
  constructor(
    private readonly config: Config,
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly trail: AuditTrail,
  ) {}

  /** Returns how many days were dropped. */
  async dropWhatIsOver(): Promise<number> {
    const { retentionDays, promptRetentionDays } = this.config.privacy;
    const prompts = await this.#drop('logged_prompts', promptRetentionDays);
    const calls = await this.#drop('ledger_entries', retentionDays);
    const decisions = await this.#drop('decisions', Math.min(DECISION_DAYS, retentionDays ?? DECISION_DAYS));
    await this.#pruneAudit();
    return prompts + calls + decisions;
  }

  /** Change events that every process has had long enough to read. Returns how many. */
  dropOldChanges(): Promise<number> {
    return withTransaction(this.dataSource, WORKER, (manager) => cleanUpChanges(manager));
  }

  async #pruneAudit(): Promise<void> {
    const { auditRetentionDays: days } = this.config.privacy;
    if (days === undefined) return;
    const before = new Date(this.clock.nowMs() - days * DAY_MS);
    const rows = await withTransaction(this.dataSource, WORKER, (manager) =>
      pruneAudit(manager, this.trail, before),
    );
    if (rows > 0)
      this.logger.info({ rows, before }, 'Audit rows past their retention were let go; the chain says so.');
  }

  /** A day is over when its last moment is as old as what is kept. */
  async #drop(
    table: 'ledger_entries' | 'logged_prompts' | 'decisions',
    days: number | undefined,
  ): Promise<number> {
    if (days === undefined) return 0;
    const before = dayOf(this.clock.nowMs() - days * DAY_MS);
    const dropped = await dropDaysBefore(
      (work) => withTransaction(this.dataSource, WORKER, work),
      table,
      before,
    );
    if (dropped.length > 0)
      this.logger.info({ table, days: dropped.length, before }, 'Days past their retention were dropped.');
    return dropped.length;
  }
}
