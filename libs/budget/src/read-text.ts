import { isRecord } from '#libs/kernel';

/** What steers a provider and is no text to a model. Whatever is not named here is counted. */
const STEERING: ReadonlySet<string> = new Set([
  'model', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'max_output_tokens', 'temperature', 'top_p', 'top_k', 'n', 'seed',
  'stop', 'stop_sequences', 'user', 'metadata', 'litellm_metadata', 'tags', 'store', 'service_tier', 'safety_identifier', 'logprobs',
  'top_logprobs', 'presence_penalty', 'frequency_penalty', 'parallel_tool_calls', 'prompt_cache_key', 'dimensions', 'encoding_format',
]); // prettier-ignore

/**
 * The text of a request that a model may come to read, and no less: the words of plain messages, and the JSON of everything else.
 * Near a limit the syntax around a short question would weigh more than the question.
 */
export function readText(json: Readonly<Record<string, unknown>>): string {
  const texts: string[] = [];
  for (const name of Object.keys(json)) if (!STEERING.has(name)) collect(json[name], texts);
  return texts.join('\n');
}

function collect(value: unknown, texts: string[]): void {
  if (typeof value === 'string') texts.push(value);
  else if (Array.isArray(value) && value.every(isMessage))
    for (const { role, content } of value) texts.push(role, content);
  else texts.push(JSON.stringify(value) ?? '');
}

/** One that says nothing beside its words. */
function isMessage(value: unknown): value is { role: string; content: string } {
  if (!isRecord(value)) return false;
  const { role, content } = value;
  return typeof role === 'string' && typeof content === 'string' && Object.keys(value).length === 2;
}
