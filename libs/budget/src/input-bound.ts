import { isAscii } from 'node:buffer';
import { type Endpoint, isRecord } from '#libs/kernel';

/** Role, separators and priming that a provider puts around one message. */
const PER_MESSAGE = 16;
/** What a provider writes around one tool definition, beyond the definition itself. */
const PER_TOOL = 32;
/** The instructions a provider adds once when there are tools at all (Anthropic's is the longest: 530 tokens). */
const ANY_TOOLS = 1_024;

/** Content parts whose text is in the body. Every other kind is opaque: its tokens cannot be told from its bytes. */
const TEXT_PARTS: ReadonlySet<unknown> = new Set([
  'text',
  'input_text',
  'output_text',
  'refusal',
  'tool_use',
  'tool_result',
  'thinking',
  'redacted_thinking',
  'reasoning',
  'summary_text',
  'reasoning_text',
  'function_call',
  'function_call_output',
  'message',
  'custom_tool_call',
  'custom_tool_call_output',
]);
/** Tools that run at the caller. Others run at the provider, which feeds their results back as input we never see. */
const CALLER_TOOLS: ReadonlySet<unknown> = new Set([undefined, 'function', 'custom']);
/** Members that make the provider add input of its own. */
const OPAQUE_MEMBERS = [
  'previous_response_id',
  'conversation',
  'prompt_id',
  'cached_content',
  'cachedContent',
  'web_search_options',
  'audio',
  'mcp_servers',
  'container',
  'data_sources',
  'file_ids',
  'plugins',
] as const;

/** What the bound is read from in messages, their parts and tools. */
const READ_MEMBERS: ReadonlySet<string> = new Set(['type', 'content', 'output', 'audio', 'tool_calls']);
const PLAIN_NAME = /^[a-z0-9_]*$/;

type Json = Readonly<Record<string, unknown>>;

/**
 * Upper bound of a request's input in tokens. Every tokenizer in use spends at least one byte of its (normalised) text on
 * a token, so the bytes bound the tokens, plus what the provider wraps around messages and tools. `Infinity` when a part is
 * opaque (image, audio, file id, previous response, a tool that runs at the provider): then the context window is the
 * bound. Costs about 1 us for 1 KB and 20 us for 100 KB of ASCII; other text is normalised once.
 */
export function inputTokenBound(bytes: Buffer, json: Json, endpoint: Endpoint): number {
  const wrapping = wrappingTokens(json, endpoint);
  return wrapping === Infinity ? Infinity : textBytes(bytes, json) + wrapping;
}

/** Whether the provider may bill input as written to its cache: only when the caller marks something (or could, behind an escape). */
export function mayWriteCache(bytes: Buffer): boolean {
  return bytes.includes('"cache_control"') || bytes.includes('\\u');
}

function textBytes(bytes: Buffer, json: Json): number {
  // ASCII is its own normal form, and JSON only makes it longer. An escape may hide a character that grows eleven-fold.
  const escaped = bytes.includes('\\u');
  if (!escaped && isAscii(bytes)) return bytes.length;
  const text = escaped ? JSON.stringify(json) : bytes.toString('utf8');
  return Math.max(bytes.length, Buffer.byteLength(text.normalize('NFKC')));
}

function wrappingTokens(json: Json, endpoint: Endpoint): number {
  for (const member of OPAQUE_MEMBERS)
    if (json[member] !== undefined && json[member] !== null) return Infinity;
  let tokens = toolTokens(json['tools']) + toolTokens(json['functions']) + PER_MESSAGE;
  if (endpoint === 'embeddings' || endpoint === 'completions') return tokens + promptTokens(json);
  if (endpoint === 'responses' && json['prompt'] !== undefined && json['prompt'] !== null) return Infinity;
  const messages = endpoint === 'responses' ? json['input'] : json['messages'];
  if (Array.isArray(messages)) for (const message of messages) tokens += messageTokens(message);
  return tokens + partsTokens(json['system']);
}

/** A list of prompts is one request with a wrapping each. */
function promptTokens(json: Json): number {
  const prompts = json['input'] ?? json['prompt'];
  if (!Array.isArray(prompts)) return 0;
  for (const prompt of prompts) if (isRecord(prompt)) return Infinity;
  return typeof prompts[0] === 'number' ? 0 : prompts.length * PER_MESSAGE;
}

function toolTokens(tools: unknown): number {
  if (!Array.isArray(tools) || tools.length === 0) return 0;
  for (const tool of tools)
    if (isRecord(tool) && (!CALLER_TOOLS.has(tool['type']) || isSpeltOddly(tool))) return Infinity;
  return ANY_TOOLS + tools.length * PER_TOOL;
}

function messageTokens(message: unknown): number {
  if (!isRecord(message)) return PER_MESSAGE;
  const type = message['type'];
  if ((type !== undefined && !TEXT_PARTS.has(type)) || isSpeltOddly(message)) return Infinity;
  if (isRecord(message['audio'])) return Infinity;
  return (
    PER_MESSAGE +
    partsTokens(message['content']) +
    partsTokens(message['output']) +
    callTokens(message['tool_calls'])
  );
}

function callTokens(calls: unknown): number {
  return Array.isArray(calls) ? calls.length * PER_MESSAGE : 0;
}

function partsTokens(parts: unknown): number {
  if (isRecord(parts)) return partsTokens([parts]);
  if (!Array.isArray(parts)) return 0;
  let tokens = 0;
  for (const part of parts) {
    if (!isRecord(part)) continue;
    if (!TEXT_PARTS.has(part['type']) || isSpeltOddly(part)) return Infinity;
    tokens += PER_MESSAGE + partsTokens(part['content']);
  }
  return tokens;
}

/** Whether a reader that does not mind capitals (Go's) may find another kind of thing here than we do: `{"Type":"web_search"}`. */
function isSpeltOddly(object: Json): boolean {
  for (const name in object)
    if (!PLAIN_NAME.test(name) && READ_MEMBERS.has(name.toUpperCase().toLowerCase())) return true;
  return false;
}
