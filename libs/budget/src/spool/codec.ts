import type { LedgerEndpoint, NanoUsd, Scope } from '#libs/kernel';
import type { BeginRecord, EndRecord } from '../ledger.js';
import type { Charge } from '../prepared.js';
import { known, quoted } from './quoted.js';
import { RecordedCaller } from './recorded-caller.js';
import { boundedId, boundedText } from './storable.js';

/** What balances, counters and a key's last use need to know of a begin and an end. */
export interface EntryFacts {
  readonly id: string;
  readonly day: string;
  readonly charges: readonly Charge[];
  readonly costNanoUsd: NanoUsd;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly keyId: string | null;
  readonly startedAtMs: number;
}

/** A begin and an end: what becomes one ledger entry. */
export interface Entry extends EntryFacts {
  /** One JSON array, in UTF-8: the begin record's members, then the end record's (`ledger/columns.ts` knows their places). The very bytes of the spool. */
  readonly row: Buffer;
}

export function factsOf(begin: BeginRecord, end: EndRecord): EntryFacts {
  return {
    id: begin.id,
    day: begin.day,
    charges: begin.charges,
    costNanoUsd: end.costNanoUsd,
    inputTokens: count(end.usage.inputTokens),
    outputTokens: count(end.usage.outputTokens),
    keyId: begin.caller.keyId,
    startedAtMs: begin.startedAtMs,
  };
}

/** `row` is given where its bytes are at hand. */
export function entryOf(begin: BeginRecord, end: EndRecord, row: Buffer = rowOf(begin, end)): Entry {
  return { ...factsOf(begin, end), row };
}

function rowOf(begin: BeginRecord, end: EndRecord): Buffer {
  return Buffer.from(rowText(encodeBegin(begin), encodeEnd(end)));
}

export function rowText(begin: string, end: string): string {
  return `[${begin},${end}]`;
}

/** Charges are the same object for every call of a caller within a period, so their text is made once. */
const chargeTexts = new WeakMap<readonly Charge[], string>();

/** A begin record's members, as JSON without the brackets of their array: names would be half of the bytes. */
export function encodeBegin(record: BeginRecord): string {
  return (
    `${quoted(record.id)},${quoted(record.requestId)},"${record.day}",${record.startedAtMs},"${record.endpoint}","${record.crashChargeNanoUsd}",` +
    `${known(record.priceVersion)},${known(record.modelGroup)},${known(record.model)},${known(record.provider)},${known(record.deploymentId)},${known(record.apiBase)},` +
    `${record.stream ? 1 : 0},${record.caller.members},` +
    `${known(record.customerId)},${quoted(record.clientCallId)},${quoted(record.sessionId)},${known(record.requesterIp)},${known(record.userAgent)},` +
    `${record.tags.length === 0 ? '[]' : JSON.stringify(record.tags.map(boundedId))},${chargesText(record.charges)}`
  );
}

/** An end record's members, likewise. */
export function encodeEnd(record: EndRecord): string {
  const { usage, error } = record;
  return (
    `${quoted(record.id)},${record.endedAtMs},${record.firstByteAtMs},${record.status === 'success' ? 1 : 0},"${record.flag}",` +
    `${count(usage.inputTokens)},${count(usage.outputTokens)},${count(usage.cacheReadTokens)},${count(usage.cacheWriteTokens)},${count(usage.cacheWriteHourTokens)},` +
    `${count(usage.reasoningTokens)},${count(usage.inputAudioTokens)},${count(usage.outputAudioTokens)},${usage.source === 'provider' ? 1 : 0},` +
    `"${record.costNanoUsd}","${record.inputCostNanoUsd}","${record.outputCostNanoUsd}",${quoted(error?.code ?? null)},${error === null ? 'null' : JSON.stringify(boundedText(error.message))},${quoted(record.responseId)}`
  );
}

/** Providers send what they like: a count is a whole number that is not negative. */
function count(tokens: number): number {
  return Number.isFinite(tokens) && tokens > 0 ? Math.min(Math.floor(tokens), Number.MAX_SAFE_INTEGER) : 0;
}

/** Charges as they are written in a row. */
export function chargesText(charges: readonly Charge[]): string {
  let text = chargeTexts.get(charges);
  if (text === undefined) {
    text = JSON.stringify(
      charges.map(({ scope, budget, periodId }) => ({
        scope: { type: scope.type, id: boundedId(scope.id) },
        budget,
        periodId,
      })),
    );
    chargeTexts.set(charges, text);
  }
  return text;
}

type BeginRow = [
  string,
  string,
  string,
  number,
  LedgerEndpoint,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  number,
  string | null,
  string | null,
  string | null,
  string | null,
  string | null,
  string | null,
  string | null,
  string | null,
  string | null,
  string | null,
  string[],
  { scope: Scope; budget: string; periodId: string }[],
];

/** The record whose members `encodeBegin` wrote. Their bytes passed a checksum, so they are what this product wrote. */
export function decodeBegin(members: string): BeginRecord {
  return beginOf(JSON.parse(`[${members}]`) as BeginRow);
}

/** A whole entry from the bytes of its row. */
export function decodeEntry(row: Buffer): Entry {
  const members: unknown[] = JSON.parse(row.toString('utf8'));
  const end = members.splice(BEGIN_MEMBERS);
  return entryOf(beginOf(members as BeginRow), endOf(end as EndRow), row);
}

const BEGIN_MEMBERS = 25;

function beginOf(row: BeginRow): BeginRecord {
  const [
    id,
    requestId,
    day,
    startedAtMs,
    endpoint,
    crashCharge,
    priceVersion,
    modelGroup,
    model,
    provider,
    deploymentId,
    apiBase,
    stream,
    keyId,
    keyHash,
    userId,
    teamId,
    organizationId,
    customerId,
    clientCallId,
    sessionId,
    requesterIp,
    userAgent,
    tags,
    charges,
  ] = row;
  return {
    id,
    requestId,
    day,
    startedAtMs,
    endpoint,
    crashChargeNanoUsd: BigInt(crashCharge),
    priceVersion,
    modelGroup,
    model,
    provider,
    deploymentId,
    apiBase,
    stream: stream === 1,
    caller: new RecordedCaller(keyId, keyHash, userId, teamId, organizationId),
    customerId,
    clientCallId,
    sessionId,
    requesterIp,
    userAgent,
    tags,
    charges,
  };
}

type EndRow = [
  string,
  number,
  number | null,
  number,
  string,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  string,
  string,
  string,
  string | null,
  string | null,
  string | null,
];

export function decodeEnd(members: string): EndRecord {
  return endOf(JSON.parse(`[${members}]`) as EndRow);
}

function endOf(row: EndRow): EndRecord {
  const [
    id,
    endedAtMs,
    firstByteAtMs,
    success,
    flag,
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWriteTokens,
    cacheWriteHourTokens,
    reasoningTokens,
    inputAudioTokens,
    outputAudioTokens,
    fromProvider,
    cost,
    inputCost,
    outputCost,
    errorCode,
    errorMessage,
    responseId,
  ] = row;
  return {
    id,
    endedAtMs,
    firstByteAtMs,
    status: success === 1 ? 'success' : 'failure',
    flag,
    usage: {
      inputTokens,
      outputTokens,
      cacheReadTokens,
      cacheWriteTokens,
      cacheWriteHourTokens,
      reasoningTokens,
      inputAudioTokens,
      outputAudioTokens,
      source: fromProvider === 1 ? 'provider' : 'estimated',
    },
    costNanoUsd: BigInt(cost),
    inputCostNanoUsd: BigInt(inputCost),
    outputCostNanoUsd: BigInt(outputCost),
    error: errorCode === null ? null : { code: errorCode, message: errorMessage ?? '' },
    responseId,
  };
}
