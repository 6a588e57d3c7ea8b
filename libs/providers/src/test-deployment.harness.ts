import { Secret } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { parseRequestBody } from './request-body.js';
import type { UpstreamRequest } from './upstream.js';

/** For specs: an OpenAI-shaped deployment, changed where the test says. */
export function testDeployment(change: Partial<Deployment> = {}): Deployment {
  return {
    id: 'd1',
    group: 'g',
    provider: 'openai',
    upstreamModel: 'm',
    wire: 'openai',
    apiBase: 'http://127.0.0.1:1/v1',
    apiKey: new Secret('sk-provider-secret-key-1234'),
    extraHeaders: {},
    defaultBody: {},
    weight: 0,
    order: 0,
    tags: [],
    accessGroups: [],
    prices: {},
    ...change,
  };
}

/** For specs: a chat call, changed where the test says. */
export function testRequest(json: unknown, change: Partial<UpstreamRequest> = {}): UpstreamRequest {
  const body = parseRequestBody(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));
  return {
    deployment: testDeployment(),
    endpoint: 'chat',
    body,
    stream: body.json['stream'] === true,
    upstreamModel: 'm',
    dropParams: false,
    forwardedHeaders: [],
    timeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    ...change,
  };
}
