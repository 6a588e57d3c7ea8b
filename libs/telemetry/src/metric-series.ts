import { type NanoUsd, usdNumber } from '#libs/kernel';
import { LatencyHistogram } from './histogram.js';

/** Who and what a request was for. One combination is one series in every request metric. */
export interface RequestLabels {
  /** The declared route, never a raw URL. */
  readonly route: string;
  readonly requestedModel: string;
  /** What answered; the requested name when nothing did. */
  readonly model: string;
  /** sha256 of the key, as the spend rows have it. */
  readonly hashedApiKey?: string | undefined;
  readonly apiKeyAlias?: string | undefined;
  readonly user?: string | undefined;
  readonly team?: string | undefined;
  readonly teamAlias?: string | undefined;
  readonly organizationId?: string | undefined;
}

/** How one request ended. Absent parts did not happen. */
export interface RequestOutcome {
  readonly status: number;
  readonly durationMs: number;
  /** From the upstream call to its last byte. */
  readonly upstreamMs?: number | undefined;
  /** From the upstream call to its first byte; streams only. */
  readonly firstByteMs?: number | undefined;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly costNanoUsd?: NanoUsd | undefined;
  /** `GatewayError.code` of a failure. */
  readonly errorCode?: string | undefined;
}

/** The running totals of one combination of labels: plain numbers, turned into metrics only when somebody asks. */
export class RequestSeries {
  readonly statuses = new Map<number, number>();
  readonly failures = new Map<string, number>();
  spendNanoUsd = 0n;
  inputTokens = 0;
  outputTokens = 0;
  readonly total = new LatencyHistogram();
  readonly upstream = new LatencyHistogram();
  readonly firstByte = new LatencyHistogram();
  readonly overhead = new LatencyHistogram();

  constructor(readonly labels: Readonly<Record<string, string>>) {}

  record(outcome: RequestOutcome): void {
    const { status, durationMs, upstreamMs } = outcome;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (status >= 400) {
      const failure = `${status} ${outcome.errorCode ?? 'unknown'}`;
      this.failures.set(failure, (this.failures.get(failure) ?? 0) + 1);
    }
    this.spendNanoUsd += outcome.costNanoUsd ?? 0n;
    this.inputTokens += outcome.inputTokens ?? 0;
    this.outputTokens += outcome.outputTokens ?? 0;
    this.total.observeMs(durationMs);
    if (upstreamMs !== undefined) {
      this.upstream.observeMs(upstreamMs);
      this.overhead.observeMs(Math.max(0, durationMs - upstreamMs));
    }
    if (outcome.firstByteMs !== undefined) this.firstByte.observeMs(outcome.firstByteMs);
  }

  get spendUsd(): number {
    return usdNumber(this.spendNanoUsd);
  }
}

export interface DeploymentLabels {
  readonly id: string;
  /** The model name sent upstream. */
  readonly model: string;
  readonly provider: string;
  readonly apiBase: string;
}

const DEPLOYMENT_HEALTHY = 0;
const DEPLOYMENT_PARTIAL_OUTAGE = 1;
const DEPLOYMENT_COMPLETE_OUTAGE = 2;

/** The running totals of one deployment. */
export class DeploymentSeries {
  successes = 0;
  failures = new Map<number, number>();
  cooldowns = 0;
  state: 0 | 1 | 2 = DEPLOYMENT_HEALTHY;

  constructor(readonly labels: Readonly<Record<string, string>>) {}

  succeeded(): void {
    this.successes += 1;
    this.state = DEPLOYMENT_HEALTHY;
  }
  /** `status` is the upstream's, or ours for what it never answered (408, 503). */
  failed(status: number): void {
    this.failures.set(status, (this.failures.get(status) ?? 0) + 1);
    if (this.state === DEPLOYMENT_HEALTHY) this.state = DEPLOYMENT_PARTIAL_OUTAGE;
  }
  cooledDown(): void {
    this.cooldowns += 1;
    this.state = DEPLOYMENT_COMPLETE_OUTAGE;
  }
}
