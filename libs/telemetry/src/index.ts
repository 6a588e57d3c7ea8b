export { type AccessEntry, AccessLog } from './access-log.js';
export { type FailedCall, FailureLog } from './failure-log.js';
export { LogSink, MemorySink, ProcessSink } from './log-sink.js';
export { Logger } from './logger.js';
export {
  type DeploymentLabels,
  type DeploymentSeries,
  type RequestLabels,
  type RequestOutcome,
  type RequestSeries,
} from './metric-series.js';
export { Metrics } from './metrics.js';
export { anonymizeLines } from './anonymous-lines.js';
export { createLogger, type LoggerOptions, type LogLevel } from './pino-logger.js';
export { type PseudonymKind, Pseudonyms } from './pseudonyms.js';
export { registerSecret } from './redaction.js';
export { type Suspicion, SuspiciousActivity } from './suspicious-activity.js';
export { TelemetryModule, type TelemetryParts } from './telemetry.module.js';
