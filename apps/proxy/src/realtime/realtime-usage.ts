import { NO_USAGE, type Usage } from '#libs/kernel';

/** What of an upstream's event governance reads; everything else travels unread. */
export type RealtimeEvent =
  | { readonly kind: 'created'; readonly id: string }
  | {
      readonly kind: 'done';
      readonly id: string;
      readonly usage: Usage | undefined;
      readonly isWhole: boolean;
    };

/** Looked for in the bytes first: most events are sound, and to parse each would cost more than to pass it on. */
const MARKS = ['"response.created"', '"response.done"'];

/** The beginning or the end of an answer; undefined for any other event, and for what is no event at all. */
export function realtimeEventOf(data: Buffer): RealtimeEvent | undefined {
  if (!MARKS.some((mark) => data.includes(mark))) return undefined;
  let event: unknown;
  try {
    event = JSON.parse(data.toString('utf8'));
  } catch (_malformed) {
    return undefined;
  }
  const type = memberOf(event, 'type');
  const response = memberOf(event, 'response');
  const id = memberOf(response, 'id');
  if (typeof id !== 'string') return undefined;
  if (type === 'response.created') return { kind: 'created', id };
  if (type !== 'response.done') return undefined;
  const usage = usageOf(memberOf(response, 'usage'));
  return { kind: 'done', id, usage, isWhole: memberOf(response, 'status') === 'completed' };
}

/** `input_token_details` and `output_token_details` are parts of the totals. */
function usageOf(usage: unknown): Usage | undefined {
  const inputTokens = countIn(usage, 'input_tokens');
  const outputTokens = countIn(usage, 'output_tokens');
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  const input = memberOf(usage, 'input_token_details');
  const output = memberOf(usage, 'output_token_details');
  return {
    ...NO_USAGE,
    inputTokens,
    outputTokens,
    cacheReadTokens: countIn(input, 'cached_tokens') ?? 0,
    inputAudioTokens: countIn(input, 'audio_tokens') ?? 0,
    inputImageTokens: countIn(input, 'image_tokens') ?? 0,
    outputAudioTokens: countIn(output, 'audio_tokens') ?? 0,
  };
}

function countIn(value: unknown, name: string): number | undefined {
  const found = memberOf(value, name);
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : undefined;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
