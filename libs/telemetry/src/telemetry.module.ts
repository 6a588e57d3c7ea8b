import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Clock } from '#libs/kernel';
import { AccessLog } from './access-log.js';
import { FailureLog } from './failure-log.js';
import { LogSink } from './log-sink.js';
import { Logger } from './logger.js';
import { Metrics } from './metrics.js';
import { createLogger, type LoggerOptions } from './pino-logger.js';
import { Pseudonyms } from './pseudonyms.js';
import { SuspiciousActivity } from './suspicious-activity.js';

/** What boot made before there was a container, handed in so that there is one of each in a process. */
export interface TelemetryParts {
  readonly options: LoggerOptions;
  readonly sink: LogSink;
  /** Made earlier on the same sink; else one is made here. */
  readonly logger?: Logger;
  /** Absent: logs say who it was. */
  readonly pseudonyms?: Pseudonyms | undefined;
}

/** Provides `Logger`, `Pseudonyms`, `AccessLog`, `FailureLog`, `Metrics`, `SuspiciousActivity` and `LogSink` everywhere. Needs a `Clock`. */
@Global()
@Module({})
export class TelemetryModule {
  static with(parts: TelemetryParts): DynamicModule {
    return {
      module: TelemetryModule,
      providers: [
        { provide: LogSink, useValue: parts.sink },
        { provide: Pseudonyms, useValue: parts.pseudonyms ?? new Pseudonyms(undefined) },
        { provide: Logger, useValue: parts.logger ?? createLogger(parts.options, parts.sink) },
        {
          provide: AccessLog,
          useFactory: (clock: Clock) => new AccessLog(parts.sink, clock, parts.options),
          inject: [Clock],
        },
        {
          provide: FailureLog,
          useFactory: (logger: Logger) => new FailureLog(logger),
          inject: [Logger],
        },
        { provide: Metrics, useFactory: () => new Metrics() },
        {
          provide: SuspiciousActivity,
          useFactory: (clock: Clock) => new SuspiciousActivity(clock),
          inject: [Clock],
        },
      ],
      exports: [LogSink, Logger, Pseudonyms, AccessLog, FailureLog, Metrics, SuspiciousActivity],
    };
  }
}
