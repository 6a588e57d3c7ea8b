import type { Endpoint, ScopeType } from '#libs/kernel';
import type { BeginRecord, Charge, EndRecord } from '../ledger.js';

/** A begin and an end: what becomes one ledger entry. */
export interface Entry {
  readonly begin: BeginRecord;
  readonly end: EndRecord;
}

/** Charges are the same object for every call of a caller within a period, so their text is made once. */
const chargeTexts = new WeakMap<readonly Charge[], string>();

/** A begin record as one line of JSON: an array, because names would be half of the bytes. */
export function encodeBegin(record: BeginRecord): string {
  const head = JSON.stringify([
    record.id,
    record.requestId,
    record.day,
    record.startedAtMs,
    record.endpoint,
    record.crashChargeNanoUsd.toString(),
    record.priceVersion,
    record.modelGroup,
    record.model,
    record.provider,
    record.deploymentId,
    record.apiBase,
    record.stream ? 1 : 0,
    record.keyId,
    record.keyHash,
    record.userId,
    record.teamId,
    record.organizationId,
    record.customerId,
    record.clientCallId,
    record.sessionId,
    record.requesterIp,
    record.userAgent,
    record.tags,
  ]);
  return `${head.slice(0, -1)},${chargesText(record.charges)}]`;
}

export function encodeEnd(record: EndRecord): string {
  const { usage, error } = record;
  return JSON.stringify([
    record.id,
    record.endedAtMs,
    record.firstByteAtMs,
    record.status === 'success' ? 1 : 0,
    record.flag,
    usage.inputTokens,
    usage.outputTokens,
    usage.cacheReadTokens,
    usage.cacheWriteTokens,
    usage.cacheWriteHourTokens,
    usage.reasoningTokens,
    usage.inputAudioTokens,
    usage.outputAudioTokens,
    usage.source === 'provider' ? 1 : 0,
    record.costNanoUsd.toString(),
    record.inputCostNanoUsd.toString(),
    record.outputCostNanoUsd.toString(),
    error?.code ?? null,
    error?.message ?? null,
    record.responseId,
  ]);
}

function chargesText(charges: readonly Charge[]): string {
  let text = chargeTexts.get(charges);
  if (text === undefined) {
    text = JSON.stringify(
      charges.map(({ scope, budget, periodId, counterKey }) => [
        scope.type,
        scope.id,
        budget,
        periodId,
        counterKey ?? null,
      ]),
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
  Endpoint,
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
  [ScopeType, string, string, string, string | null][],
];

/** The record that `encodeBegin` wrote. Its bytes passed a checksum, so they are what this product wrote. */
export function decodeBegin(text: string): BeginRecord {
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
  ]: BeginRow = JSON.parse(text);
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
    charges: charges.map(([type, scopeId, budget, periodId, counterKey]) => ({
      scope: { type, id: scopeId },
      budget,
      periodId,
      ...(counterKey === null ? {} : { counterKey }),
    })),
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

export function decodeEnd(text: string): EndRecord {
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
  ]: EndRow = JSON.parse(text);
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
