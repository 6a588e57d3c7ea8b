import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Logger } from '#libs/telemetry';
import { Queue } from 'bullmq';
import { JobStoreTrouble } from './job-store-trouble.js';
import { isScheduleName, MAINTENANCE_QUEUE, SCHEDULES } from './schedules.js';

/** An absent store must not keep the process from ending. */
const MAX_WAIT_MS = 2_000;
/** A store that lost its memory is told again. */
const AGAIN_MS = 600_000;

/** Brings the queue's schedulers in line with `schedules.ts`: every worker does it at start, and it is the same each time. */
@Injectable()
export class Scheduler implements OnApplicationBootstrap, OnModuleDestroy {
  #aligning: Promise<void> = Promise.resolve();
  #again: NodeJS.Timeout | undefined;

  constructor(
    @InjectQueue(MAINTENANCE_QUEUE) private readonly queue: Queue,
    private readonly logger: Logger,
    private readonly trouble: JobStoreTrouble,
  ) {}

  /** Not waited for: nothing that repeats is needed to serve a request, so an absent Redis must not keep the gateway from starting. */
  onApplicationBootstrap(): void {
    this.queue.on('error', (error) => this.trouble.tell(error));
    this.#start();
    this.#again = setInterval(() => this.#start(), AGAIN_MS);
    this.#again.unref();
  }

  #start(): void {
    this.#aligning = this.#align().catch((error: unknown) =>
      this.logger.error(
        { error },
        'The schedules could not be brought up to date; it is tried again in some minutes.',
      ),
    );
  }

  /** A process that ends while it still starts: what it asked of the store comes to its end first, within a limit. */
  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#again);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, MAX_WAIT_MS)));
    await Promise.race([this.#aligning, late]);
    clearTimeout(timer);
  }

  async #align(): Promise<void> {
    for (const [name, every] of Object.entries(SCHEDULES)) {
      await this.queue.upsertJobScheduler(name, { every }, { name });
    }
    for (const { key, name } of await this.queue.getJobSchedulers(0, -1)) {
      if (!isScheduleName(name ?? key)) await this.queue.removeJobScheduler(key);
    }
  }
}
