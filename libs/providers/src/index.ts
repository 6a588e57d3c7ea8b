export { maskedMessage } from './masking.js';
export { RenamedIds, referencesIn } from './object-ids.js';
export { ANY_CAP, capFields } from './output-cap.js';
export { parseRequestBody } from './request-body.js';
export { type ForwardingPolicy, headersToForward, realtimeTarget } from './request-target.js';
export { passedOnHeaders, responseHeaders } from './response-headers.js';
export { Relay, type RelayAnswer } from './relay.js';
export { relayedHeaders } from './relayed-headers.js';
export { ProvidersModule } from './providers.module.js';
export {
  type RequestBody,
  Upstream,
  type UpstreamFailure,
  type UpstreamHandle,
  type UpstreamRequest,
  type UpstreamResult,
  type UpstreamSink,
} from './upstream.js';
