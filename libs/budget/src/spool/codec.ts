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
  return (
    `[${quoted(record.id)},${quoted(record.requestId)},"${record.day}",${record.startedAtMs},"${record.endpoint}","${record.crashChargeNanoUsd}",` +
    `${known(record.priceVersion)},${known(record.modelGroup)},${known(record.model)},${known(record.provider)},${known(record.deploymentId)},${known(record.apiBase)},` +
    `${record.stream ? 1 : 0},${known(record.keyId)},${known(record.keyHash)},${known(record.userId)},${known(record.teamId)},${known(record.organizationId)},` +
    `${known(record.customerId)},${quoted(record.clientCallId)},${quoted(record.sessionId)},${known(record.requesterIp)},${known(record.userAgent)},` +
    `${record.tags.length === 0 ? '[]' : JSON.stringify(record.tags)},${chargesText(record.charges)}]`
  );
}

export function encodeEnd(record: EndRecord): string {
  const { usage, error } = record;
  return (
    `[${quoted(record.id)},${record.endedAtMs},${record.firstByteAtMs},${record.status === 'success' ? 1 : 0},"${record.flag}",` +
    `${number(usage.inputTokens)},${number(usage.outputTokens)},${number(usage.cacheReadTokens)},${number(usage.cacheWriteTokens)},${number(usage.cacheWriteHourTokens)},` +
    `${number(usage.reasoningTokens)},${number(usage.inputAudioTokens)},${number(usage.outputAudioTokens)},${usage.source === 'provider' ? 1 : 0},` +
    `"${record.costNanoUsd}","${record.inputCostNanoUsd}","${record.outputCostNanoUsd}",${quoted(error?.code ?? null)},${quoted(error?.message ?? null)},${quoted(record.responseId)}]`
  );
}

function quoted(text: string | null): string {
  return text === null ? 'null' : JSON.stringify(text);
}

/** Providers send what they like: what JSON has no number for is written as it would write it. */
function number(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null';
}

const texts = new Map<string, string>();
/** Keys, users and models come back; what callers invent must not fill the memory. */
const MAX_TEXTS = 20_000;
const MAX_REMEMBERED_LENGTH = 256;

/** A text that many records share, quoted once. */
function known(text: string | null): string {
  if (text === null) return 'null';
  const present = texts.get(text);
  if (present !== undefined) return present;
  const made = JSON.stringify(text);
  if (text.length <= MAX_REMEMBERED_LENGTH) {
    if (texts.size >= MAX_TEXTS) texts.clear();
    texts.set(text, made);
  }
  return made;
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
