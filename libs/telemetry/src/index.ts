export { type AccessEntry, AccessLog } from './access-log.js';
export { type FailedCall, FailureLog } from './failure-log.js';
export { greppableWords } from './greppable-words.js';
export { LogSink, MemorySink, ProcessSink } from './log-sink.js';
export { Logger } from './logger.js';
export { maskKey } from './mask-key.js';
export {
  DEPLOYMENT_COMPLETE_OUTAGE,
  DEPLOYMENT_HEALTHY,
  DEPLOYMENT_PARTIAL_OUTAGE,
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
export { redactFields, redactText, registerSecret } from './redaction.js';
export { requestId } from './request-id.js';
export { type Suspicion, SuspiciousActivity } from './suspicious-activity.js';
export { TelemetryModule, type TelemetryParts } from './telemetry.module.js';
