import type { LoggerService } from '@nestjs/common';
import type { Logger } from '#libs/telemetry';

/** Nest's own words go through our logger, so that they are redacted too; its chatter about routes is for debugging. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }
  error(message: unknown, ...details: unknown[]): void {
    this.logger.error({ err: message instanceof Error ? message : undefined, details }, String(message));
  }
}
