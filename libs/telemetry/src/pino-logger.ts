import { pino, stdTimeFunctions, type Logger as Pino } from 'pino';
import { readableLine } from './line-format.js';
import { type LogSink, ProcessSink } from './log-sink.js';
import { Logger } from './logger.js';
import { redactFields, redactText } from './redaction.js';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** One JSON object a line; else a line for people. */
  readonly json: boolean;
  /** Lines are also appended to this file. */
  readonly file?: string;
}

/** The product's logger: pino writes, everything is redacted first, at every level. Lines are out when the call returns. */
export function createLogger(options: LoggerOptions, sink: LogSink = new ProcessSink(options.file)): Logger {
  const write = options.json
    ? (line: string) => sink.write(line)
    : (line: string) => sink.write(readableLine(line));
  const instance = pino(
    {
      level: options.level,
      // Process id and host name say nothing in a container and differ in every test.
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      // Errors arrive as plain, redacted data; pino's own serializer would take them apart again.
      serializers: { err: (error: unknown) => error },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return new PinoLogger(instance);
}

class PinoLogger extends Logger {
  constructor(private readonly pino: Pino) {
    super();
  }
  override trace(fields: object, message: string): void {
    if (this.pino.isLevelEnabled('trace')) this.pino.trace(redactFields(fields), redactText(message));
  }
  override debug(fields: object, message: string): void {
    if (this.pino.isLevelEnabled('debug')) this.pino.debug(redactFields(fields), redactText(message));
  }
  override info(fields: object, message: string): void {
    if (this.pino.isLevelEnabled('info')) this.pino.info(redactFields(fields), redactText(message));
  }
  override warn(fields: object, message: string): void {
    if (this.pino.isLevelEnabled('warn')) this.pino.warn(redactFields(fields), redactText(message));
  }
  override error(fields: object, message: string): void {
    this.pino.error(redactFields(fields), redactText(message));
  }
  override fatal(fields: object, message: string): void {
    this.pino.fatal(redactFields(fields), redactText(message));
  }
  override child(fields: object): Logger {
    return new PinoLogger(this.pino.child(redactFields(fields)));
  }
}
