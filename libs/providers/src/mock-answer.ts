import type { Endpoint } from '#libs/kernel';
import { newId } from '#libs/kernel';
import { capFields } from './output-cap.js';
import type { UpstreamRequest } from './upstream.js';

/** The stated estimate of a text's tokens where no tokenizer was at work: a quarter of its UTF-8 bytes, rounded up. */
function estimateTokens(bytes: number): number {
  return Math.ceil(bytes / 4);
}

export interface MockAnswer {
  readonly text: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly choices: number;
  readonly isCut: boolean;
  readonly id: string;
  readonly createdS: number;
  readonly model: string;
}

const MAX_CHOICES = 128;
const PROMPT_MEMBERS = ['messages', 'system', 'prompt', 'input', 'instructions', 'tools'];

/** Decides what a local deployment says: its configured text, cut at the cap, with the estimated tokens of what really came and went. */
export function mockAnswer({
  deployment,
  endpoint,
  body,
  maxOutputTokens,
  upstreamModel,
  shownModel,
}: UpstreamRequest): MockAnswer {
  const { json, members } = body;
  let promptBytes = 0;
  for (const name of PROMPT_MEMBERS) {
    const member = members.get(name);
    if (member) promptBytes += member.valueEnd - member.valueStart;
  }
  const full = deployment.mockResponse ?? '';
  const caps = [maxOutputTokens, ...capFields(endpoint).map((field) => json[field])].filter(
    (cap): cap is number => typeof cap === 'number' && cap > 0,
  );
  const text = cutTo(full, Math.min(...caps));
  const n = typeof json['n'] === 'number' ? json['n'] : 1;
  const choices =
    endpoint === 'chat' || endpoint === 'completions' ? Math.min(Math.max(Math.floor(n), 1), MAX_CHOICES) : 1;
  return {
    text,
    inputTokens: Math.max(1, estimateTokens(promptBytes)),
    outputTokens: endpoint === 'embeddings' ? 0 : estimateTokens(Buffer.byteLength(text)) * choices,
    choices,
    isCut: text.length < full.length,
    id: newId('req').slice(4),
    createdS: Math.floor(Date.now() / 1000),
    model: shownModel ?? upstreamModel,
  };
}

/** Cuts between characters, so that the estimate of the rest fits the cap. */
function cutTo(text: string, tokens: number): string {
  if (estimateTokens(Buffer.byteLength(text)) <= tokens) return text;
  let bytes = 0;
  let out = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (estimateTokens(bytes) > tokens) break;
    out += character;
  }
  return out;
}

export function openAiUsageOf(answer: MockAnswer): Record<string, number> {
  return {
    prompt_tokens: answer.inputTokens,
    completion_tokens: answer.outputTokens,
    total_tokens: answer.inputTokens + answer.outputTokens,
  };
}

function choiceList<T>(answer: MockAnswer, make: (index: number) => T): T[] {
  return Array.from({ length: answer.choices }, (_, index) => make(index));
}

/** The whole answer as one JSON value in the endpoint's own shape. */
export function wholeAnswer(
  endpoint: Endpoint,
  answer: MockAnswer,
  json: Readonly<Record<string, unknown>>,
): unknown {
  const { createdS: created, id, isCut, model, text } = answer;
  const finish_reason = isCut ? 'length' : 'stop';
  switch (endpoint) {
    case 'chat':
      return {
        id: `chatcmpl-${id}`,
        object: 'chat.completion',
        created,
        model,
        choices: choiceList(answer, (index) => ({
          index,
          message: { role: 'assistant', content: text, refusal: null },
          logprobs: null,
          finish_reason,
        })),
        usage: openAiUsageOf(answer),
      };
    case 'completions':
      return {
        id: `cmpl-${id}`,
        object: 'text_completion',
        created,
        model,
        choices: choiceList(answer, (index) => ({ index, text, logprobs: null, finish_reason })),
        usage: openAiUsageOf(answer),
      };
    case 'embeddings': {
      const { input } = json;
      const inputs = Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1;
      const vector = [0.1, 0.2, 0.3, 0.4];
      const embedding =
        json['encoding_format'] === 'base64'
          ? Buffer.from(Float32Array.from(vector).buffer).toString('base64')
          : vector;
      return {
        object: 'list',
        model,
        data: Array.from({ length: inputs }, (_, index) => ({ object: 'embedding', index, embedding })),
        usage: { prompt_tokens: answer.inputTokens, total_tokens: answer.inputTokens },
      };
    }
    case 'responses':
      return responseObject(answer, isCut ? 'incomplete' : 'completed', text);
    case 'messages':
      return {
        id: `msg_${id}`,
        type: 'message',
        role: 'assistant',
        model,
        content: [{ type: 'text', text }],
        stop_reason: isCut ? 'max_tokens' : 'end_turn',
        stop_sequence: null,
        usage: { input_tokens: answer.inputTokens, output_tokens: answer.outputTokens },
      };
  }
}

export function responseObject(
  answer: MockAnswer,
  status: 'in_progress' | 'completed' | 'incomplete',
  text: string,
): Record<string, unknown> {
  const isDone = status !== 'in_progress';
  return {
    id: `resp_${answer.id}`,
    object: 'response',
    created_at: answer.createdS,
    status,
    model: answer.model,
    error: null,
    instructions: null,
    metadata: {},
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    output: isDone ? [outputItem(answer, status, text)] : [],
    usage: isDone
      ? {
          input_tokens: answer.inputTokens,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: answer.outputTokens,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: answer.inputTokens + answer.outputTokens,
        }
      : null,
  };
}

export function outputItem(answer: MockAnswer, status: string, text: string): Record<string, unknown> {
  return {
    id: `msg_${answer.id}`,
    type: 'message',
    role: 'assistant',
    status,
    content: [{ type: 'output_text', text, annotations: [] }],
  };
}
