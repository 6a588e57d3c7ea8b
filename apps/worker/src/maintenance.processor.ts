import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { BudgetPeriods, SpendLedger } from '#libs/budget';
import { cleanUpChanges, ensureLedgerPartitions, layOutDays, withTransaction } from '#libs/database';
import { Clock, DAY_MS, dayOf } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import type { Job } from 'bullmq';
import { DataSource } from 'typeorm';
import { JobStoreTrouble } from './job-store-trouble.js';
import { isScheduleName, MAINTENANCE_QUEUE, type ScheduleName } from './schedules.js';
import { DueChores, OutgoingChores } from './chores.js';

const WORKER = { system: 'worker' };
/** Partitions from yesterday (a call admitted before midnight may end after it) to a week ahead: a week without a worker is bridged. */
const DAYS_BACK = 1;
const DAYS = 9;
/** Calls that were under way at midnight, and their records, have come in by then. */
const LATE_MS = 2 * 3_600_000;
/** Days laid out in one go: after an upgrade, yesterday's turn comes when the older ones have had theirs. */
const MOST_DAYS = 3;

/** Does what `schedules.ts` lists. Jobs carry no data: the tables say what is due, so a job that runs twice does nothing the second time. */
@Processor(MAINTENANCE_QUEUE, { concurrency: 2, lockDuration: 60_000 })
export class MaintenanceProcessor extends WorkerHost {
  readonly #tasks: Readonly<Record<ScheduleName, () => Promise<unknown>>>;

  constructor(
    private readonly dataSource: DataSource,
    periods: BudgetPeriods,
    ledger: SpendLedger,
    { mirror, courier, soft }: OutgoingChores,
    { retention, rotations }: DueChores,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly trouble: JobStoreTrouble,
  ) {
    super();
    this.#tasks = {
      'budget.close-due-periods': () => periods.closeDue(clock.nowMs()),
      'ledger.make-partitions': () => this.#makePartitions(),
      'activity.lay-out-days': () => this.#layOutDays(),
      'changes.clean-up': () => withTransaction(dataSource, WORKER, (manager) => cleanUpChanges(manager)),
      'ledger.adopt-orphans': () => ledger.adopt(),
      'alerts.tell-soft-budgets': () => soft.tell(),
      'alerts.deliver': () => courier.deliverDue(),
      'keys.rotate-due': () => rotations.rotateDue(),
      'requests.mirror-to-sqlite': () => mirror.mirror(),
      'retention.drop-days': () => retention.dropWhatIsOver(),
    };
  }

  @OnWorkerEvent('error')
  onError(error: Error): void {
    this.trouble.tell(error);
  }

  override async process(job: Job): Promise<unknown> {
    if (!isScheduleName(job.name)) {
      this.logger.warn({ job: job.name }, 'A job of another release was left alone.');
      return undefined;
    }
    try {
      return await this.#tasks[job.name]();
    } catch (error) {
      this.logger.error(
        { error, job: job.name },
        'A maintenance job failed; it runs again at its next time.',
      );
      throw error;
    }
  }

  #layOutDays(): Promise<readonly string[]> {
    const before = dayOf(this.clock.nowMs() - LATE_MS);
    return layOutDays((work) => withTransaction(this.dataSource, WORKER, work), before, MOST_DAYS);
  }

  async #makePartitions(): Promise<number> {
    const from = dayOf(this.clock.nowMs() - DAYS_BACK * DAY_MS);
    return withTransaction(this.dataSource, WORKER, (manager) => ensureLedgerPartitions(manager, from, DAYS));
  }
}
