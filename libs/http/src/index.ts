export { type ErrorAnswer, errorAnswer, type ErrorShape, toGatewayError } from './error-answer.js';
export { FastExpressAdapter, type Lane } from './fast-express.adapter.js';
export { GatewayErrorFilter } from './gateway-error.filter.js';
export { readBody } from './read-body.js';
export { SECURITY_HEADERS, securityHeaders } from './security-headers.js';
export { Cors } from './cors.js';
export { Draining } from './draining.js';
export { callId } from './call-id.js';
export { jsonBody } from './json-body.js';
