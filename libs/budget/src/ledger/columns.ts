import { hash } from 'node:crypto';
import type { Entry } from '../spool/codec.js';

/** Longest identifier kept whole: indexed columns take 2.7 KB at most, and one row too long would stop the drain for all. */
const MAX_ID = 500;
const MAX_TEXT = 2_000;

/** Columns of `ledger_entries` in the order they are inserted: name, array type on the wire, cast, and value. */
export const COLUMNS: readonly (readonly [
  name: string,
  arrayType: string,
  cast: string,
  value: (entry: Entry) => unknown,
])[] = [
  ['day', 'text', '::date', ({ begin }) => begin.day],
  ['id', 'text', '', ({ begin }) => begin.id],
  ['request_id', 'text', '', ({ begin }) => begin.requestId],
  ['response_id', 'text', '', ({ end }) => id(end.responseId)],
  ['client_call_id', 'text', '', ({ begin }) => id(begin.clientCallId)],
  ['session_id', 'text', '', ({ begin }) => id(begin.sessionId)],
  ['started_at', 'float8', '!time', ({ begin }) => begin.startedAtMs],
  ['ended_at', 'float8', '!time', ({ end }) => end.endedAtMs],
  ['first_byte_at', 'float8', '!time', ({ end }) => end.firstByteAtMs],
  ['endpoint', 'text', '', ({ begin }) => begin.endpoint],
  ['stream', 'boolean', '', ({ begin }) => begin.stream],
  ['status', 'text', '', ({ end }) => end.status],
  ['flag', 'text', '', ({ end }) => end.flag],
  ['error_code', 'text', '', ({ end }) => text(end.error?.code ?? null)],
  ['error_message', 'text', '', ({ end }) => text(end.error?.message ?? null)],
  ['model_group', 'text', '', ({ begin }) => id(begin.modelGroup)],
  ['model', 'text', '', ({ begin }) => id(begin.model)],
  ['provider', 'text', '', ({ begin }) => id(begin.provider)],
  ['deployment_id', 'text', '', ({ begin }) => id(begin.deploymentId)],
  ['api_base', 'text', '', ({ begin }) => text(begin.apiBase)],
  ['key_id', 'text', '', ({ begin }) => id(begin.keyId)],
  ['key_hash', 'text', '', ({ begin }) => id(begin.keyHash)],
  ['user_id', 'text', '', ({ begin }) => id(begin.userId)],
  ['team_id', 'text', '', ({ begin }) => id(begin.teamId)],
  ['organization_id', 'text', '', ({ begin }) => id(begin.organizationId)],
  ['customer_id', 'text', '', ({ begin }) => id(begin.customerId)],
  ['tags', 'text', '::text[]', ({ begin }) => arrayLiteral(begin.tags)],
  ['requester_ip', 'text', '', ({ begin }) => text(begin.requesterIp)],
  ['user_agent', 'text', '', ({ begin }) => text(begin.userAgent)],
  ['input_tokens', 'bigint', '', ({ end }) => count(end.usage.inputTokens)],
  ['output_tokens', 'bigint', '', ({ end }) => count(end.usage.outputTokens)],
  ['cache_read_tokens', 'bigint', '', ({ end }) => count(end.usage.cacheReadTokens)],
  ['cache_write_tokens', 'bigint', '', ({ end }) => count(end.usage.cacheWriteTokens)],
  ['cache_write_hour_tokens', 'bigint', '', ({ end }) => count(end.usage.cacheWriteHourTokens)],
  ['reasoning_tokens', 'bigint', '', ({ end }) => count(end.usage.reasoningTokens)],
  ['input_audio_tokens', 'bigint', '', ({ end }) => count(end.usage.inputAudioTokens)],
  ['output_audio_tokens', 'bigint', '', ({ end }) => count(end.usage.outputAudioTokens)],
  ['usage_source', 'text', '', ({ end }) => end.usage.source],
  ['cost_nano', 'bigint', '', ({ end }) => end.costNanoUsd.toString()],
  ['input_cost_nano', 'bigint', '', ({ end }) => end.inputCostNanoUsd.toString()],
  ['output_cost_nano', 'bigint', '', ({ end }) => end.outputCostNanoUsd.toString()],
  ['crash_charge_nano', 'bigint', '', ({ begin }) => begin.crashChargeNanoUsd.toString()],
  ['price_version', 'text', '', ({ begin }) => text(begin.priceVersion)],
  ['charges', 'text', '::jsonb', ({ begin }) => chargesJson(begin.charges)],
];

/**
 * Inserts what `rowsOf` gives and returns the ids that were not there yet. One JSON text instead of an array per column:
 * quoting 44 columns of a thousand rows for the wire cost the gateway more than admitting their calls did.
 */
export const INSERT_ENTRIES = `INSERT INTO ledger_entries (${COLUMNS.map(([name]) => name).join(', ')})
SELECT ${COLUMNS.map(([, type, cast], index) => valueOf(index, type, cast)).join(', ')}
FROM jsonb_array_elements($1::jsonb) AS e
ON CONFLICT DO NOTHING RETURNING id`;

function valueOf(index: number, type: string, cast: string): string {
  const value = type === 'text' ? `(e ->> ${index})` : `(e ->> ${index})::${type}`;
  return cast === '!time' ? `to_timestamp(${value} / 1000.0)` : value + cast;
}

/** Entries as one JSON array of arrays, in the order of `COLUMNS`. */
export function rowsOf(entries: readonly Entry[]): string {
  return JSON.stringify(entries.map((entry) => COLUMNS.map(([, , , value]) => value(entry))));
}

/** PostgreSQL's text holds neither NUL nor half of a surrogate pair; a caller's tag or `user` may. */
export function storable(value: string): string {
  return (value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value).toWellFormed();
}

/** An identifier that fits an index: a long one keeps its beginning and gets a hash, so that two long ones stay two. */
export function boundedId(value: string): string {
  const clean = storable(value);
  return clean.length <= MAX_ID
    ? clean
    : `${clean.slice(0, MAX_ID - 33).toWellFormed()}#${hash('sha256', clean).slice(0, 32)}`;
}

function id(value: string | null): string | null {
  return value === null ? null : boundedId(value);
}

function text(value: string | null): string | null {
  return value === null ? null : storable(value.length > MAX_TEXT ? value.slice(0, MAX_TEXT) : value);
}

function count(tokens: number): number {
  return Number.isFinite(tokens) && tokens > 0 ? Math.min(Math.floor(tokens), Number.MAX_SAFE_INTEGER) : 0;
}

function arrayLiteral(values: readonly string[]): string {
  if (values.length === 0) return '{}';
  return `{${values.map((value) => `"${boundedId(value).replace(/[\\"]/g, '\\$&')}"`).join(',')}}`;
}

const chargeTexts = new WeakMap<object, string>();

function chargesJson(charges: Entry['begin']['charges']): string {
  let known = chargeTexts.get(charges);
  if (known === undefined) {
    known = JSON.stringify(
      charges.map(({ scope, budget, periodId }) => ({
        scope: { type: scope.type, id: boundedId(scope.id) },
        budget,
        periodId,
      })),
    );
    chargeTexts.set(charges, known);
  }
  return known;
}
