import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/kernel';
import { Logger } from '#libs/telemetry';

/** A store that stays away is tried about every second by each of several; one line in this time for each reason is enough. */
const TOLD_EVERY_MS = 30_000;
/** Reasons repeat; should one hold something new each time (a port), the memory of them does not grow. */
const MOST_REASONS = 20;

/** What the queue and its worker say when their store does not answer. Without somebody who hears them BullMQ writes to the console, past redaction. */
@Injectable()
export class JobStoreTrouble {
  readonly #toldAtMs = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  tell(error: Error): void {
    const reason = error.message || ('code' in error ? String(error.code) : error.name);
    const nowMs = this.clock.monotonicMs();
    const toldAtMs = this.#toldAtMs.get(reason);
    if (toldAtMs !== undefined && nowMs - toldAtMs < TOLD_EVERY_MS) return;
    if (this.#toldAtMs.size >= MOST_REASONS) this.#toldAtMs.clear();
    this.#toldAtMs.set(reason, nowMs);
    this.logger.warn({ reason }, 'The job store does not answer; what repeats waits for it.');
  }
}
