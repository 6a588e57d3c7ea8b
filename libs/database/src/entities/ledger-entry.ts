import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Attributed } from './attributed.js';
import { countColumn, nanoUsdColumn } from '../columns.js';

/** One balance that an entry's cost was added to, as stored in `ledger_entries.charges`. */
export interface StoredCharge {
  readonly scope: { readonly type: string; readonly id: string };
  readonly budget: string;
  readonly periodId: string;
}

/** What one call cost: its begin and end records in one row. Append-only; partitioned by `day` (see `ensureLedgerPartitions`). */
@Entity('ledger_entries')
export class LedgerEntry extends Attributed {
  /** `YYYY-MM-DD`, UTC, fixed at admission. */
  @PrimaryColumn({ type: 'date' })
  day!: string;

  /** Our own id (request id + attempt): inserting it twice changes nothing. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ type: 'text' })
  requestId!: string;

  /** The provider's id of the response; spend logs show it as `request_id`. */
  @Column({ type: 'text', nullable: true })
  responseId!: string | null;

  /** What the client called the call; recorded, never trusted. */
  @Column({ type: 'text', nullable: true })
  clientCallId!: string | null;

  @Column({ type: 'text', nullable: true })
  sessionId!: string | null;

  @Column({ type: 'timestamptz' })
  startedAt!: Date;

  @Column({ type: 'timestamptz' })
  endedAt!: Date;

  @Column({ type: 'timestamptz', nullable: true })
  firstByteAt!: Date | null;

  @Column({ type: 'boolean' })
  stream!: boolean;

  @Column({ type: 'text' })
  status!: 'success' | 'failure';

  @Column({ type: 'text', default: '' })
  flag!: string;

  @Column({ type: 'text', nullable: true })
  errorCode!: string | null;

  @Column({ type: 'text', nullable: true })
  errorMessage!: string | null;

  @Column({ type: 'text' })
  deploymentId!: string;

  @Column({ type: 'text' })
  apiBase!: string;

  @Column({ type: 'text', nullable: true })
  keyHash!: string | null;

  @Column({ type: 'text', nullable: true })
  requesterIp!: string | null;

  @Column({ type: 'text', nullable: true })
  userAgent!: string | null;

  @Column({ type: 'bigint', transformer: countColumn })
  cacheWriteHourTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  reasoningTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  inputAudioTokens!: number;

  @Column({ type: 'bigint', transformer: countColumn })
  outputAudioTokens!: number;

  @Column({ type: 'text' })
  usageSource!: 'provider' | 'estimated';

  @Column({ type: 'bigint', transformer: nanoUsdColumn })
  costNano!: bigint;

  @Column({ type: 'bigint', transformer: nanoUsdColumn })
  inputCostNano!: bigint;

  @Column({ type: 'bigint', transformer: nanoUsdColumn })
  outputCostNano!: bigint;

  @Column({ type: 'bigint', transformer: nanoUsdColumn })
  crashChargeNano!: bigint;

  @Column({ type: 'text' })
  priceVersion!: string;

  @Column({ type: 'jsonb', default: () => "'[]'" })
  charges!: StoredCharge[];

  @Column({ type: 'timestamptz', default: () => 'now()' })
  drainedAt!: Date;
}
