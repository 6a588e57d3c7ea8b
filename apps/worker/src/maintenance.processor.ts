import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { BudgetPeriods, SpendLedger } from '#libs/budget';
import { Clock } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import type { Job } from 'bullmq';
import { JobStoreTrouble } from './job-store-trouble.js';
import { isScheduleName, MAINTENANCE_QUEUE, type ScheduleName } from './schedules.js';
import { DueChores, OutgoingChores } from './chores.js';

/** Does what `schedules.ts` lists. Jobs carry no data: the tables say what is due, so a job that runs twice does nothing the second time. */
@Processor(MAINTENANCE_QUEUE, { concurrency: 2, lockDuration: 60_000 })
export class MaintenanceProcessor extends WorkerHost {
  readonly #tasks: Readonly<Record<ScheduleName, () => Promise<unknown>>>;

  constructor(
    periods: BudgetPeriods,
    ledger: SpendLedger,
    { mirror, courier, soft }: OutgoingChores,
    { retention, rotations, days }: DueChores,
    clock: Clock,
    private readonly logger: Logger,
    private readonly trouble: JobStoreTrouble,
  ) {
    super();
    this.#tasks = {
      'budget.close-due-periods': () => periods.closeDue(clock.nowMs()),
      'ledger.make-partitions': () => days.makeAhead(),
      'activity.lay-out-days': () => days.layOut(),
      'changes.clean-up': () => retention.dropOldChanges(),
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
}
