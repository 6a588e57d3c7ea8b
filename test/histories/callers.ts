import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { CallPlan } from './script.js';

export interface Asked {
  readonly url: string;
  readonly replica: number;
  readonly life: number;
}

/** One call as its client saw it. */
export interface Heard {
  readonly id: string;
  readonly plan: CallPlan;
  /** Whom it asked, and in which of its lives. */
  readonly asked: Asked;
  /** 0: nothing was heard. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The answer was whole. */
  readonly finished: boolean;
  readonly bytes: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

const agent = new Agent({ keepAlive: true });
const PATHS = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  responses: '/v1/responses',
  messages: '/v1/messages',
  embeddings: '/v1/embeddings',
} as const;

/** Names of what a call adds to its key. */
export interface Named {
  readonly customer: string | undefined;
  readonly tags: readonly string[];
}

function bodyOf(id: string, plan: CallPlan, { customer, tags }: Named): object {
  const text = `call ${id} ${'word '.repeat(plan.promptWords)}`.trim();
  const { route, stream, maxTokens, model } = plan;
  const common = {
    model,
    ...(tags.length > 0 ? { metadata: { tags } } : {}),
    ...(customer === undefined ? {} : { user: customer }),
  };
  const cap = (field: string): object => (maxTokens === undefined ? {} : { [field]: maxTokens });
  const streamed = stream ? { stream: true } : {};
  switch (route) {
    case 'chat':
      return { ...common, ...streamed, ...cap('max_tokens'), messages: [{ role: 'user', content: text }] };
    case 'completions':
      return { ...common, ...streamed, ...cap('max_tokens'), prompt: text };
    case 'responses':
      return {
        ...common,
        ...streamed,
        ...(maxTokens === undefined ? {} : { max_output_tokens: Math.max(16, maxTokens) }),
        input: text,
      };
    case 'messages': {
      const metadata = {
        ...(tags.length > 0 ? { tags } : {}),
        ...(customer === undefined ? {} : { user_id: customer }),
      };
      return {
        model,
        ...streamed,
        max_tokens: maxTokens ?? 64,
        messages: [{ role: 'user', content: text }],
        ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
      };
    }
    case 'embeddings':
      return { ...common, input: text };
  }
}

/** Makes the call. Never throws: a broken connection is something a client hears. */
export function call(asked: Asked, key: string, id: string, plan: CallPlan, named: Named): Promise<Heard> {
  const body = JSON.stringify(bodyOf(id, plan, named));
  const startedAtMs = Date.now();
  const isSilent = plan.behaviours.some(({ fault }) => fault?.startsWith('silence'));
  return new Promise((resolve) => {
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    let text = '';
    let timer: NodeJS.Timeout | undefined;
    const done = (isWhole: boolean): void => {
      clearTimeout(timer);
      resolve({
        ...{ id, plan, asked, status, headers, text, startedAtMs },
        finished: isWhole && status === 200 && isComplete(plan, text),
        bytes: Buffer.byteLength(body),
        endedAtMs: Date.now(),
      });
    };
    const request = httpRequest(
      asked.url + PATHS[plan.route],
      {
        method: 'POST',
        agent,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'x-litellm-call-id': id,
          ...(isSilent ? { 'x-litellm-timeout': '0.3', 'x-litellm-stream-timeout': '0.3' } : {}),
        },
      },
      (response) => {
        status = response.statusCode ?? 0;
        headers = response.headers;
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('end', () => done(response.complete)).on('error', () => done(false));
      },
    );
    request.on('error', () => done(false));
    request.end(body);
    if (plan.cutAfterMs !== undefined) timer = setTimeout(() => request.destroy(), plan.cutAfterMs);
  });
}

function isComplete({ stream, route }: CallPlan, text: string): boolean {
  if (!stream) return true;
  if (route === 'messages') return text.includes('message_stop');
  return route === 'responses' ? text.includes('response.completed') : text.includes('data: [DONE]');
}
