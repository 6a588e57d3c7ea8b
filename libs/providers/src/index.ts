export {
  type RequestBody,
  Upstream,
  type UpstreamFailure,
  type UpstreamHandle,
  type UpstreamRequest,
  type UpstreamResult,
  type UpstreamSink,
} from './upstream.js';
