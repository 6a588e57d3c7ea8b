import type { DailyRow, EntityDay, KeyDay, NamedEntry } from '#libs/budget';
import { DAY_MS, dayOf, type NanoUsd, usdNumber } from '#libs/kernel';
import { toApiTime } from '../http/wire.js';

/** The contract's names for what kind of call it was. */
const CALL_TYPES: ReadonlyMap<string, string> = new Map([
  ['chat', 'acompletion'],
  ['completions', 'atext_completion'],
  ['embeddings', 'aembedding'],
  ['responses', 'aresponses'],
  ['messages', 'anthropic_messages'],
]);

/** One call as a row of the contract's spend log. Prompts and answers are not kept, so their members are empty. */
export function toSpendLogRow(named: NamedEntry): Record<string, unknown> {
  const { entry } = named;
  return {
    request_id: entry.responseId ?? entry.requestId,
    call_type: CALL_TYPES.get(entry.endpoint) ?? entry.endpoint,
    api_key: entry.keyHash ?? '',
    spend: usdNumber(entry.costNano),
    total_tokens: entry.inputTokens + entry.outputTokens,
    prompt_tokens: entry.inputTokens,
    completion_tokens: entry.outputTokens,
    startTime: toApiTime(entry.startedAt),
    endTime: toApiTime(entry.endedAt),
    request_duration_ms: entry.endedAt.getTime() - entry.startedAt.getTime(),
    completionStartTime: toApiTime(entry.firstByteAt ?? entry.endedAt),
    model: entry.model,
    model_id: entry.deploymentId,
    model_group: entry.modelGroup,
    custom_llm_provider: entry.provider,
    api_base: entry.apiBase,
    user: entry.userId ?? '',
    metadata: metadataOf(named),
    cache_hit: 'False',
    cache_key: 'Cache OFF',
    request_tags: entry.tags,
    team_id: entry.teamId,
    organization_id: entry.organizationId,
    end_user: entry.customerId ?? '',
    requester_ip_address: entry.requesterIp,
    messages: {},
    response: {},
    session_id: entry.sessionId,
    status: entry.status,
    mcp_namespaced_tool_name: null,
    agent_id: null,
    proxy_server_request: {},
    litellm_call_id: entry.clientCallId ?? entry.requestId,
  };
}

function metadataOf({ entry, keyAlias, teamAlias }: NamedEntry): object {
  return {
    user_api_key: entry.keyHash,
    user_api_key_alias: keyAlias,
    user_api_key_team_id: entry.teamId,
    user_api_key_team_alias: teamAlias,
    user_api_key_org_id: entry.organizationId,
    user_api_key_user_id: entry.userId,
    requester_ip_address: entry.requesterIp,
    user_agent: entry.userAgent,
    litellm_call_id: entry.clientCallId ?? entry.requestId,
    status: entry.status,
    usage_object: {
      prompt_tokens: entry.inputTokens,
      completion_tokens: entry.outputTokens,
      total_tokens: entry.inputTokens + entry.outputTokens,
      prompt_tokens_details: { cached_tokens: entry.cacheReadTokens, audio_tokens: entry.inputAudioTokens },
      completion_tokens_details: {
        reasoning_tokens: entry.reasoningTokens,
        audio_tokens: entry.outputAudioTokens,
      },
      cache_creation_input_tokens: entry.cacheWriteTokens + entry.cacheWriteHourTokens,
      cache_read_input_tokens: entry.cacheReadTokens,
    },
    usage_source: entry.usageSource,
    cost_breakdown: {
      input_cost: usdNumber(entry.inputCostNano),
      output_cost: usdNumber(entry.outputCostNano),
      total_cost: usdNumber(entry.costNano),
    },
    error_information:
      entry.errorCode === null && entry.errorMessage === null
        ? null
        : {
            error_code: entry.errorCode,
            error_class: entry.flag,
            error_message: entry.errorMessage,
            llm_provider: entry.provider,
          },
  };
}

/** Sums of one day; exact until they are written down. */
class Day {
  spent: NanoUsd = 0n;
  readonly users = new Map<string, NanoUsd>();
  readonly models = new Map<string, NanoUsd>();
  readonly keys = new Map<string, NanoUsd>();

  toApi(day: string): object {
    // The contract puts the keys' hashes beside the day's own members.
    return {
      ...dollars(this.keys),
      startTime: day,
      spend: usdNumber(this.spent),
      users: dollars(this.users),
      models: dollars(this.models),
    };
  }
}

/** One object a day; the days after the last with spend are filled up to `until`, those of an empty answer are not. */
export function toDailySpend(
  models: readonly DailyRow<'day' | 'model_group'>[],
  users: readonly EntityDay[],
  keys: readonly KeyDay[],
  until: Date,
): readonly object[] {
  const days = new Map<string, Day>();
  for (const { day, model_group, spendNanoUsd } of models) {
    const sums = days.get(day ?? '') ?? new Day();
    sums.spent += spendNanoUsd;
    addTo(sums.models, model_group ?? '', spendNanoUsd);
    days.set(day ?? '', sums);
  }
  for (const { day, entity, spendNanoUsd } of users) {
    const sums = days.get(day);
    if (sums) addTo(sums.users, entity ?? '', spendNanoUsd);
  }
  for (const { day, hash, keyId, spendNanoUsd } of keys) {
    const sums = days.get(day);
    if (sums) addTo(sums.keys, hash ?? keyId, spendNanoUsd);
  }
  const last = [...days.keys()].toSorted().at(-1);
  if (last !== undefined) {
    for (let at = Date.parse(`${last}T00:00:00Z`) + DAY_MS; at <= until.getTime(); at += DAY_MS) {
      days.set(dayOf(at), new Day());
    }
  }
  return [...days].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([day, sums]) => sums.toApi(day));
}

function addTo(sums: Map<string, NanoUsd>, name: string, amount: NanoUsd): void {
  sums.set(name, (sums.get(name) ?? 0n) + amount);
}

function dollars(sums: ReadonlyMap<string, NanoUsd>): Record<string, number> {
  return Object.fromEntries([...sums].map(([name, amount]) => [name, usdNumber(amount)]));
}
