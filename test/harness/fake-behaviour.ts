import { structuredText, type ToolCall, toolCallsOf } from './fake-tools.js';

/** How the fake provider answers. Every member has a default: a quick, correct answer of five words. */
export interface Behaviour {
  /** An error status makes the answer an error in the provider's own shape. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Replaces the whole body, as bytes: broken JSON, a foreign shape, a page of HTML. */
  readonly rawBody?: string;
  /** Default: a quarter of the request's bytes, as real tokenizers roughly have it. */
  readonly promptTokens?: number;
  readonly cachedPromptTokens?: number;
  /** What the model would say if nobody stopped it; one word is one token is one frame. */
  readonly completionTokens?: number;
  /** False: the upstream that ignores its cap. */
  readonly honoursMaxTokens?: boolean;
  /** `asked`: in a stream only with `stream_options.include_usage`, as OpenAI does. */
  readonly usage?: 'asked' | 'always' | 'never';
  readonly firstByteDelayMs?: number;
  readonly frameDelayMs?: number;
  /** Bytes per write of a stream, so that frames and characters arrive in pieces. */
  readonly splitBytes?: number;
  /** Bytes of filler in the answer's text, for huge bodies. */
  readonly padBytes?: number;
  /** What goes wrong, after `faultAfterFrames` frames (default 2) where it is midway. */
  readonly fault?:
    | 'reset-before-headers'
    | 'reset-midway'
    | 'end-midway'
    | 'error-frame-midway'
    | 'silence'
    | 'silence-midway';
  readonly faultAfterFrames?: number;
}

/** What a request asked for, read leniently: the fake provider is not a validator. */
export interface Ask {
  readonly kind: 'chat' | 'completion' | 'embedding' | 'response' | 'message';
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly maxTokens: number | undefined;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly promptTokens: number;
  readonly cachedPromptTokens: number;
  /** The pieces of the answer: of its text, or of its tool calls' arguments, two a call. */
  readonly words: readonly string[];
  readonly calls: readonly ToolCall[];
  readonly stopped: 'stop' | 'length' | 'tool_calls';
  readonly reportsUsage: boolean;
}

const WORDS = ['Hello', ' from', ' the', ' fake', ' provider', ' — ü', ' 你好', ' and', ' so', ' on'];

export function parseAsk(path: string, body: Buffer): Ask | undefined {
  const kind = kindOf(path);
  if (!kind) return undefined;
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  } catch {
    return undefined; // answered with a 400, as a provider would
  }
  const cap =
    kind === 'response'
      ? json.max_output_tokens
      : ((kind === 'chat' ? json.max_completion_tokens : undefined) ?? json.max_tokens);
  const options = json.stream_options as { include_usage?: boolean } | undefined;
  return {
    kind,
    model: typeof json.model === 'string' ? json.model : '',
    stream: json.stream === true,
    includeUsage: options?.include_usage === true,
    maxTokens: typeof cap === 'number' ? cap : undefined,
    json,
  };
}

function kindOf(path: string): Ask['kind'] | undefined {
  const route = path.split('?')[0] ?? '';
  if (route.endsWith('/chat/completions')) return 'chat';
  if (route.endsWith('/completions')) return 'completion';
  if (route.endsWith('/embeddings')) return 'embedding';
  if (route.endsWith('/responses')) return 'response';
  return route.endsWith('/messages') ? 'message' : undefined;
}

export function composeAnswer(ask: Ask, behaviour: Behaviour, requestBytes: number): Answer {
  const calls = toolCallsOf(ask);
  const text = structuredText(ask);
  const said =
    calls.length > 0 ? calls.flatMap(({ pieces }) => pieces) : text === undefined ? undefined : [text];
  const wanted = ask.kind === 'embedding' ? 0 : (said?.length ?? behaviour.completionTokens ?? 5);
  const cap = behaviour.honoursMaxTokens === false ? undefined : ask.maxTokens;
  const count = said ? wanted : Math.min(wanted, cap ?? wanted);
  const words = said ?? Array.from({ length: count }, (_, at) => WORDS[at % WORDS.length] ?? '');
  if (behaviour.padBytes && words.length > 0) words[0] += 'x'.repeat(behaviour.padBytes);
  const usage = behaviour.usage ?? 'asked';
  return {
    promptTokens: behaviour.promptTokens ?? Math.ceil(requestBytes / 4),
    cachedPromptTokens: behaviour.cachedPromptTokens ?? 0,
    words,
    calls,
    stopped: calls.length > 0 ? 'tool_calls' : count < wanted ? 'length' : 'stop',
    // Anthropic and the Responses API always report; OpenAI's chat streams only when asked.
    reportsUsage:
      usage === 'always' || (usage === 'asked' && (!ask.stream || ask.includeUsage || isChatty(ask))),
  };
}

const isChatty = (ask: Ask) => ask.kind === 'message' || ask.kind === 'response';

export function errorBody(ask: Ask | undefined, status: number): string {
  const type = status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'server_error';
  const error = { message: `fake provider error ${status}`, type, param: null, code: null };
  return JSON.stringify(ask?.kind === 'message' ? { type: 'error', error } : { error });
}
