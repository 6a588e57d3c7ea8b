export { greppableWords } from './greppable-words.js';
export { LogSink, MemorySink, ProcessSink } from './log-sink.js';
export { Logger } from './logger.js';
export { maskKey } from './mask-key.js';
export { createLogger, type LoggerOptions, type LogLevel } from './pino-logger.js';
export { redactFields, redactText, registerSecret } from './redaction.js';
export { requestId } from './request-id.js';
