import type { Charge } from './prepared.js';
import type { RecordedCaller } from './spool/recorded-caller.js';
import type { LedgerEndpoint, NanoUsd, Usage } from '#libs/kernel';

/** Written before the upstream is called, so that a crash leaves a trace of what may have been spent. */
export interface BeginRecord {
  /** Our id, never the client's: request id + attempt. */
  readonly id: string;
  readonly requestId: string;
  /** `YYYY-MM-DD` UTC, fixed at admission: the ledger's partition. */
  readonly day: string;
  readonly startedAtMs: number;
  readonly endpoint: LedgerEndpoint;
  readonly charges: readonly Charge[];
  /** What a crash between begin and end is charged: input bound plus output bound at most. */
  readonly crashChargeNanoUsd: NanoUsd;
  readonly priceVersion: string;
  readonly modelGroup: string;
  readonly model: string;
  readonly provider: string;
  readonly deploymentId: string;
  readonly apiBase: string;
  readonly stream: boolean;
  readonly caller: RecordedCaller;
  readonly customerId: string | null;
  readonly tags: readonly string[];
  readonly clientCallId: string | null;
  readonly sessionId: string | null;
  readonly requesterIp: string | null;
  readonly userAgent: string | null;
}

/** Written before the client sees the end. Together with its begin it is one ledger entry. */
export interface EndRecord {
  readonly id: string;
  readonly endedAtMs: number;
  readonly firstByteAtMs: number | null;
  readonly status: 'success' | 'failure';
  /** `cancelled`, `upstream_error`, `broken_stream`, `usage_missing`, `crash` ... ; empty when all went well. */
  readonly flag: string;
  readonly usage: Usage;
  readonly costNanoUsd: NanoUsd;
  readonly inputCostNanoUsd: NanoUsd;
  readonly outputCostNanoUsd: NanoUsd;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** The provider's response id (`chatcmpl-…`), when seen: what spend logs show as `request_id`. */
  readonly responseId: string | null;
}
