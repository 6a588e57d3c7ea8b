import { type Endpoint, GatewayError, isRecord, type Usage } from '#libs/kernel';
import { type Member, scanMembers } from './members.js';
import { parseJson } from './parse-json.js';
import { ShownModel } from './shown-model.js';
import { anthropicUsage, openAiUsage } from './usage.js';

/** A whole answer in memory: embeddings of a large batch, an image as base64. More is refused rather than risk the process. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Up to here a parser is faster than looking for members; beyond (embeddings, images) it costs ten times as much. */
const PARSED_WHOLE_BYTES = 8 * 1024;

export interface JsonAnswer {
  readonly usage: Usage | undefined;
  readonly responseId: string | null;
  readonly outputBytes: number;
  /** The model's name as the provider has it, and where its value is when that was looked for. */
  readonly model: string | undefined;
  readonly modelAt?: Member | undefined;
  /** An error object inside a good status, as some aggregators answer. */
  readonly error: unknown;
}

/** Collects a JSON answer; nothing of it is shown before it is whole. */
export class JsonRelay {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(private readonly maxBytes: number = MAX_ANSWER_BYTES) {}

  /** False when the answer is too large to go on. */
  push(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.maxBytes) return false;
    this.#chunks.push(chunk);
    return true;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(): Buffer {
    const [only] = this.#chunks;
    return this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks);
  }
}

/** Reads what governance needs of an answer: only the members it needs are parsed. Undefined when it is not a JSON object. */
export function readAnswer(body: Buffer, endpoint: Endpoint): JsonAnswer | undefined {
  if (body.length <= PARSED_WHOLE_BYTES) return readWhole(body, endpoint);
  let members: Map<string, Member>;
  try {
    members = scanMembers(body);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return readWhole(body, endpoint);
    throw thrown;
  }
  if (!isClosed(body, [...members.values()].at(-1)?.valueEnd)) return undefined;
  const value = (name: string): unknown => {
    const member = members.get(name);
    return member === undefined
      ? undefined
      : parseJson(body.toString('utf8', member.valueStart, member.valueEnd));
  };
  const id = value('id');
  const model = value('model');
  const raw = value('usage');
  const usage = endpoint === 'messages' ? anthropicUsage(raw) : openAiUsage(raw);
  const mayBeError =
    endpoint !== 'responses' && members.has('error') && !members.has('choices') && !members.has('data');
  return {
    usage,
    responseId: typeof id === 'string' ? id : null,
    outputBytes: usage ? body.length : producedBytes(parseJson(body.toString('utf8'))),
    model: typeof model === 'string' ? model : undefined,
    modelAt: members.get('model'),
    error: mayBeError ? { error: value('error') } : undefined,
  };
}

/** The answer as the caller sees it: with the model's name as it was asked for. Every other byte stays. */
export function withShownModel(
  body: Buffer,
  { model, modelAt }: JsonAnswer,
  shown: string | undefined,
): Buffer {
  if (shown === undefined || model === undefined || model === shown) return body;
  const names = new ShownModel(shown);
  if (modelAt) return names.splice(body, modelAt.valueStart, modelAt.valueEnd);
  names.learn(model, body);
  return names.apply(body);
}

/** Short answers, and those our strict scan refuses (a repeated name): read as any parser would. */
function readWhole(body: Buffer, endpoint: Endpoint): JsonAnswer | undefined {
  const json = parseJson(body.toString('utf8'));
  if (!isRecord(json)) return undefined;
  const { choices, data, error, id, model, usage: raw } = json;
  const usage = endpoint === 'messages' ? anthropicUsage(raw) : openAiUsage(raw);
  return {
    usage,
    responseId: typeof id === 'string' ? id : null,
    outputBytes: usage ? body.length : producedBytes(json),
    model: typeof model === 'string' ? model : undefined,
    error:
      endpoint !== 'responses' && error !== undefined && choices === undefined && data === undefined
        ? { error }
        : undefined,
  };
}

const TEXT_MEMBERS = new Set([
  'content',
  'text',
  'arguments',
  'reasoning_content',
  'reasoning',
  'refusal',
  'thinking',
  'partial_json',
]);

/** The text in an answer that reports no usage. Everything under `input` of a tool call counts too. */
function producedBytes(json: unknown): number {
  let bytes = 0;
  const visit = (value: unknown, counts: boolean): void => {
    if (typeof value === 'string') bytes += counts ? Buffer.byteLength(value) : 0;
    else if (Array.isArray(value)) for (const item of value) visit(item, counts);
    else if (typeof value === 'object' && value !== null)
      for (const [name, item] of Object.entries(value))
        visit(item, TEXT_MEMBERS.has(name) || name === 'input');
  };
  visit(json, false);
  return bytes;
}

/** A cut-off object has members, but nothing closes it behind the last of them. */
function isClosed(body: Buffer, lastValueEnd: number | undefined): boolean {
  return /^\s*\}\s*$/.test(body.toString('latin1', lastValueEnd ?? body.indexOf(0x7b) + 1));
}
