/** The limits of one upstream, as routing knows it. */
export interface LimitedDeployment {
  readonly id: string;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly inputTokensPerMinute?: number;
  readonly outputTokensPerMinute?: number;
  readonly maxParallelRequests?: number;
}
