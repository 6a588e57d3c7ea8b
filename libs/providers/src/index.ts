export { estimateTokens } from './mock-answer.js';
export { maskedMessage } from './masking.js';
export { type Member, scanMembers } from './members.js';
export { parseRequestBody } from './request-body.js';
export { type ForwardingPolicy, headersToForward, realtimeTarget } from './request-target.js';
export { passedOnHeaders, responseHeaders } from './response-headers.js';
export { type Edits, splice } from './splice.js';
export { Relay, type RelayAnswer, type RelayRequest } from './relay.js';
export { relayedHeaders } from './relayed-headers.js';
export { ProvidersModule } from './providers.module.js';
export { UndiciUpstream } from './undici-upstream.js';
export {
  type RequestBody,
  Upstream,
  type UpstreamFailure,
  type UpstreamHandle,
  type UpstreamRequest,
  type UpstreamResult,
  type UpstreamSink,
} from './upstream.js';
