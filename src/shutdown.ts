import type { Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { Draining } from '#libs/http';
import { AccessLog, type Logger } from '#libs/telemetry';

/** Everything after the drain; with the default drain less than Kubernetes' grace period of 30 s. */
export const CLOSE_MS = 4_000;
/** For a last answer that its client reads slowly. */
const LINGER_MS = 2_000;
/** After a defect nobody knows what state the process is in: what is under way gets a moment, no more. */
const DEFECT_DRAIN_MS = 2_000;
/** Signals this close together are one wish. */
const SIGNAL_ECHO_MS = 1_000;

/**
 * The ways a process ends. SIGTERM and SIGINT: no new work, running answers end, spend is stored, exit code 0; a second
 * signal ends at once. An exception that nobody caught: logged as fatal, then the same in a hurry, exit code 1. Signals
 * that come before there is anything to drain end the process at once.
 */
export class Shutdown {
  #isLeaving = false;
  #signalledAt = 0;
  #app: INestApplication | undefined;
  #closeStore: () => Promise<unknown> = () => Promise.resolve();
  readonly #ended = Promise.withResolvers<number>();

  constructor(
    private readonly logger: Logger,
    private readonly drainMs: number,
  ) {
    process.on('SIGTERM', this.#onSignal).on('SIGINT', this.#onSignal);
    process.on('uncaughtException', this.#onDefect).on('unhandledRejection', this.#onDefect);
  }

  /** Resolves with the exit code, once everything is closed. */
  get ended(): Promise<number> {
    return this.#ended.promise;
  }

  /** From now on there is something to drain. */
  guard(app: INestApplication, closeStore: () => Promise<unknown>): void {
    this.#app = app;
    this.#closeStore = closeStore;
  }

  /** Leaves with this exit code. Only the first call counts. */
  begin(exitCode: number, drainMs = this.drainMs): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#leave(drainMs).then(
      () => this.#end(exitCode),
      (error: unknown) => {
        this.logger.error(
          { err: error },
          'The shutdown was not clean; spend that is not stored yet is in the spool.',
        );
        this.#end(1);
      },
    );
  }

  #onSignal = (signal: NodeJS.Signals): void => {
    // A terminal and npm both pass Ctrl-C on: the echo of the first signal is not a second one.
    if (this.#isLeaving && performance.now() - this.#signalledAt < SIGNAL_ECHO_MS) return;
    this.#signalledAt = performance.now();
    if (this.#isLeaving || !this.#app) process.exit(signal === 'SIGINT' ? 130 : 143);
    this.logger.info({ signal }, 'draining');
    this.begin(0);
  };

  #onDefect = (error: unknown): void => {
    this.logger.fatal({ err: error }, 'A defect: an exception that nobody caught. The process ends.');
    if (!this.#app) process.exit(1);
    this.begin(1, DEFECT_DRAIN_MS);
  };

  async #leave(drainMs: number): Promise<void> {
    const app = this.#app;
    if (!app) return;
    const server = app.getHttpServer() as Server;
    const draining = app.get(Draining);
    await draining.start(drainMs);
    if (draining.inFlight > 0) {
      this.logger.warn({ running: draining.inFlight }, 'Answers that did not end in time are cut off.');
      server.closeAllConnections();
      await draining.start(LINGER_MS);
    }
    const linger = setTimeout(() => server.closeAllConnections(), LINGER_MS);
    try {
      await inTime(app.close(), CLOSE_MS);
    } finally {
      clearTimeout(linger);
      app.get(AccessLog).flush();
      await inTime(this.#closeStore(), CLOSE_MS);
    }
  }

  #end(exitCode: number): void {
    this.#ended.resolve(exitCode);
    // A connection that does not close must not keep a process that has nothing left to do.
    setTimeout(() => process.exit(exitCode), 500).unref();
  }
}

/** The work's result; an error when it takes longer. */
export async function inTime(work: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not closed within ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
