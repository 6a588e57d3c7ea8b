import { Injectable } from '@nestjs/common';
import { type BeginRecord, Budgets, type EndRecord, RecordedCaller, SpendLedger } from '#libs/budget';
import {
  dayOf,
  GatewayError,
  type LedgerEndpoint,
  type NanoUsd,
  NO_USAGE,
  type Principal,
} from '#libs/kernel';
import { Network } from '#libs/rbac';
import { Pseudonyms } from '#libs/telemetry';

const MAX_RECORDED = 256;

/** What a ledger entry says of a call that is no completion. */
export interface FlatEntry {
  /** The id of the admission too. */
  readonly id: string;
  readonly endpoint: LedgerEndpoint;
  readonly atMs: number;
  readonly principal: Principal;
  readonly customerId: string | undefined;
  readonly tags: readonly string[];
  readonly modelGroup: string;
  readonly model: string;
  readonly provider: string;
  readonly deploymentId: string;
  readonly apiBase: string;
  readonly priceVersion: string;
  readonly crashChargeNanoUsd: NanoUsd;
  readonly sessionId: string | undefined;
  readonly from: {
    readonly peer: string | undefined;
    readonly forwardedFor: string | undefined;
    readonly userAgent: string | undefined;
    readonly callId: string | undefined;
  };
}

export type FlatEnd = Pick<EndRecord, 'status' | 'flag' | 'firstByteAtMs'> & {
  readonly costNanoUsd: NanoUsd;
  readonly error?: unknown;
} & Partial<Pick<EndRecord, 'usage' | 'inputCostNanoUsd' | 'outputCostNanoUsd' | 'responseId'>>;

/** Ledger entries of pass-through calls and realtime answers: begun before the money can be spent, ended before the client sees the end. */
@Injectable()
export class FlatLedger {
  constructor(
    private readonly ledger: SpendLedger,
    private readonly budgets: Budgets,
    private readonly network: Network,
    private readonly pseudonyms: Pseudonyms,
  ) {}

  /** Rejects when the ledger takes no record; then the call must not be made. */
  begin(entry: FlatEntry): Promise<BeginRecord> {
    const { principal, from } = entry;
    const record: BeginRecord = {
      id: `${entry.id}.1`,
      requestId: entry.id,
      day: dayOf(entry.atMs),
      startedAtMs: entry.atMs,
      endpoint: entry.endpoint,
      charges: this.budgets.charges(principal, entry.atMs),
      crashChargeNanoUsd: entry.crashChargeNanoUsd,
      priceVersion: entry.priceVersion,
      modelGroup: entry.modelGroup,
      model: entry.model,
      provider: entry.provider,
      deploymentId: entry.deploymentId,
      apiBase: entry.apiBase,
      stream: entry.endpoint === 'realtime',
      caller: RecordedCaller.of(principal),
      customerId: entry.customerId ?? null,
      tags: entry.tags,
      clientCallId: from.callId?.slice(0, MAX_RECORDED) ?? null,
      sessionId: entry.sessionId?.slice(0, MAX_RECORDED) ?? null,
      requesterIp: this.pseudonyms.of('ip', this.network.clientAddress(from.peer, from.forwardedFor) ?? null),
      userAgent: this.pseudonyms.of('agent', from.userAgent?.slice(0, MAX_RECORDED) ?? null),
    };
    return new Promise((resolve, reject) => {
      this.ledger.begin(record, (refused) => {
        if (refused) reject(refused);
        else resolve(record);
      });
    });
  }

  /** Resolves once the entry is durable. `settle` runs in the step from which on the money counts as spent. */
  end(begin: BeginRecord, end: FlatEnd, settle: () => void): Promise<void> {
    const { costNanoUsd, error, ...facts } = end;
    return new Promise((resolve, reject) => {
      settle();
      this.budgets.settled(begin.charges, costNanoUsd);
      this.ledger.end(
        {
          id: begin.id,
          endedAtMs: Date.now(),
          usage: NO_USAGE,
          inputCostNanoUsd: 0n,
          outputCostNanoUsd: costNanoUsd,
          responseId: null,
          costNanoUsd,
          error: error === undefined ? null : described(error),
          ...facts,
        },
        (undurable) => (undurable ? reject(undurable) : resolve()),
      );
    });
  }
}

function described(error: unknown): { code: string; message: string } {
  if (error instanceof GatewayError) return { code: error.code, message: error.publicMessage };
  return { code: 'internal.unexpected', message: 'Internal server error' };
}
