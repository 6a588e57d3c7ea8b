import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI, { AzureOpenAI } from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anthropic, openAi } from '../harness/clients.js';
import type { FakeProvider } from '../harness/fake-provider.js';
import { GovernedProduct } from '../harness/governed-product.js';
import { MASTER_KEY, type Product } from '../harness/product.js';

/** What real clients were seen to send and to expect when they were tried one by one (docs/clients.md). */
let gate: GovernedProduct;
let provider: FakeProvider;
let product: Product;
let key: string;

const messages = [{ role: 'user' as const, content: 'hi' }];
const TEXT = 'Hello from the fake provider';

beforeAll(async () => {
  gate = await GovernedProduct.start(({ url }) => {
    const model = (name: string, upstream: string) => ({
      model_name: name,
      litellm_params: { model: upstream, api_base: url, api_key: 'sk-upstream' },
    });
    return {
      model_list: [
        model('gpt', 'openai/gpt'),
        model('emb', 'openai/emb'),
        model('claude', 'anthropic/claude'),
      ],
    };
  });
  ({ product, provider } = gate);
  key = await product.makeKey({ models: ['gpt', 'emb', 'claude'] });
});

beforeEach(() => {
  provider.reset();
  provider.behave({ promptTokens: 10, completionTokens: 5 });
});

afterAll(() => gate?.dispose());

const parameters = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] };
const functions = ['get_weather', 'get_time'].map((name) => ({ name, parameters }));
const ask = [{ role: 'user' as const, content: 'get_weather and get_time, please' }];
const CALLS = [
  ['get_weather', { city: 'Paris' }],
  ['get_time', { city: 'Paris' }],
];

describe('tools called in parallel', () => {
  const tools = functions.map((one) => ({ type: 'function' as const, function: one }));
  const read = (calls: readonly { function?: { name: string; arguments: string } }[] | undefined) =>
    calls?.map((one) => [one.function?.name, JSON.parse(one.function?.arguments ?? 'null')]);
  const ofChat = (completion: OpenAI.ChatCompletion) =>
    read(completion.choices[0]?.message.tool_calls?.filter((one) => one.type === 'function'));

  it('reach a chat, whole and streamed', async () => {
    const { completions } = openAi(`${product.url}/v1`, key).chat;
    expect(ofChat(await completions.create({ model: 'gpt', messages: ask, tools }))).toEqual(CALLS);
    const stream = completions.stream({ model: 'gpt', messages: ask, tools });
    expect(ofChat(await stream.finalChatCompletion())).toEqual(CALLS);
  });

  it('reach the Responses API, whole and streamed', async () => {
    const { responses } = openAi(`${product.url}/v1`, key);
    const request = {
      model: 'gpt',
      input: ask,
      tools: functions.map((one) => ({ ...one, type: 'function' as const, strict: false })),
    };
    const calls = ({ output }: OpenAI.Responses.Response) =>
      output.flatMap((one) => (one.type === 'function_call' ? [[one.name, JSON.parse(one.arguments)]] : []));
    expect(calls(await responses.create(request))).toEqual(CALLS);
    expect(calls(await responses.stream(request).finalResponse())).toEqual(CALLS);
  });

  it('reach Anthropic’s client, whole and streamed', async () => {
    const client = anthropic(product.url, key);
    const request = {
      model: 'claude',
      max_tokens: 100,
      messages: ask,
      tools: functions.map(({ name }) => ({ name, input_schema: parameters })),
    };
    const calls = ({ content }: Anthropic.Message) =>
      content.flatMap((one) => (one.type === 'tool_use' ? [[one.name, one.input]] : []));
    expect(calls(await client.messages.create(request))).toEqual(CALLS);
    expect(calls(await client.messages.stream(request).finalMessage())).toEqual(CALLS);
  });
});

describe('where clients of Azure and of older libraries look', () => {
  const azure = () =>
    new AzureOpenAI({ endpoint: product.url, apiKey: key, apiVersion: '2025-03-01-preview', maxRetries: 0 });

  it('is the Responses API, at /openai and at the deployment’s own path', async () => {
    expect((await azure().responses.create({ model: 'gpt', input: 'hi' })).output_text).toBe(TEXT);
    const path = '/openai/deployments/gpt/responses?api-version=2025-03-01-preview';
    expect((await product.request('POST', path, { input: 'hi' }, key)).status).toBe(200);
    expect(provider.requests.at(-1)?.path).toBe('/v1/responses');
  });

  it('is everything else at /openai/v1, and the list of models', async () => {
    const client = openAi(`${product.url}/openai/v1`, key);
    const chat = await client.chat.completions.create({ model: 'gpt', messages });
    expect(chat.choices[0]?.message.content).toBe(TEXT);
    expect((await client.completions.create({ model: 'gpt', prompt: 'hi' })).choices[0]?.text).toBe(TEXT);
    expect((await client.embeddings.create({ model: 'emb', input: ['a', 'b'] })).data).toHaveLength(2);
    const names = ['gpt', 'emb', 'claude'];
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(names);
    expect((await client.models.retrieve('emb')).id).toBe('emb');
    expect((await azure().models.list()).data.map(({ id }) => id)).toEqual(names);
  });

  it.each([
    ['/engines/gpt/completions', { prompt: 'hi' }, 'gpt'],
    ['/engines/emb/embeddings', { input: 'hi' }, 'emb'],
    ['/queue/chat/completions', { model: 'gpt', messages }, 'gpt'],
  ])('is %s', async (path, body, model) => {
    expect((await product.request('POST', path, body, key)).status).toBe(200);
    expect(provider.requests.at(-1)?.model).toBe(model);
    const narrow = await product.makeKey({ models: ['claude'] });
    expect((await product.request('POST', path, body, narrow)).status).toBe(403);
    expect((await product.request('POST', path, body, null)).status).toBe(401);
  });

  it('is Anthropic’s API behind /anthropic, errors in its shape included', async () => {
    const client = anthropic(`${product.url}/anthropic`, key);
    const request = { model: 'claude', max_tokens: 20, messages };
    expect((await client.messages.create(request)).content[0]).toMatchObject({ text: TEXT });
    expect((await client.messages.countTokens({ model: 'claude', messages })).input_tokens).toBeGreaterThan(
      0,
    );
    const narrow = anthropic(`${product.url}/anthropic`, await product.makeKey({ models: ['gpt'] }));
    for (const ask of [() => narrow.messages.create(request), () => narrow.messages.countTokens(request)]) {
      const error = await ask().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Anthropic.PermissionDeniedError);
      expect(error).toMatchObject({ error: { type: 'error', error: { type: 'permission_error' } } });
    }
  });

  it('counts the tokens of a Responses request', async () => {
    const { inputTokens } = openAi(`${product.url}/v1`, key).responses;
    const short = await inputTokens.count({ model: 'gpt', input: 'hi' });
    const long = await inputTokens.count({
      model: 'gpt',
      instructions: 'Answer in one word, always.',
      input: [{ role: 'user', content: 'hi' }],
    });
    expect(short).toMatchObject({ object: 'response.input_tokens', input_tokens: expect.any(Number) });
    expect(long.input_tokens).toBeGreaterThan(short.input_tokens);
    await expect(inputTokens.count({ model: 'secret', input: 'hi' })).rejects.toBeInstanceOf(
      OpenAI.PermissionDeniedError,
    );
    expect(provider.requests).toHaveLength(0);
  });

  it('shows Anthropic’s client one model as it shows the list', async () => {
    const { models } = anthropic(product.url, key);
    const [first] = (await models.list()).data;
    expect(await models.retrieve('gpt')).toEqual(first);
    expect(first).toMatchObject({ type: 'model', display_name: 'gpt' });
  });
});

describe('a request that was packed', () => {
  const send = (packing: string, bytes: Buffer, path = '/v1/chat/completions', bearer = key) =>
    fetch(product.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-encoding': packing },
      body: new Uint8Array(bytes),
    });
  const body = Buffer.from(JSON.stringify({ model: 'gpt', messages }));

  it.each([
    ['gzip', gzipSync(body)],
    ['br', brotliCompressSync(body)],
    ['zstd', zstdCompressSync(body)],
  ])('is understood and goes on unpacked: %s', async (packing, bytes) => {
    expect((await send(packing, bytes)).status).toBe(200);
    const sent = provider.requests.at(-1);
    expect(sent?.headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(sent?.body.toString() ?? '')).toMatchObject({ model: 'gpt', messages });
  });

  it('is governed by what is in it', async () => {
    const secret = Buffer.from(JSON.stringify({ model: 'secret', messages }));
    expect((await send('gzip', gzipSync(secret))).status).toBe(403);
    const twice = Buffer.from('{"model":"gpt","model":"secret","messages":[]}');
    expect((await send('gzip', gzipSync(twice))).status).toBe(400);
  });

  it('says what is wrong with it', async () => {
    expect((await send('compress', body)).status).toBe(415);
    expect((await send('gzip', body)).status).toBe(400);
    const bomb = gzipSync(Buffer.alloc(3_000_000, ' '));
    expect((await send('gzip', bomb, '/key/generate', MASTER_KEY)).status).toBe(413);
    expect(provider.requests).toHaveLength(0);
  });
});

describe('what clients read to know whether to ask again', () => {
  it('may wait out a whole window', async () => {
    const limited = await product.makeKey({ rpm_limit: 1 });
    const client = openAi(`${product.url}/v1`, limited);
    await client.chat.completions.create({ model: 'gpt', messages });
    const error = await client.chat.completions
      .create({ model: 'gpt', messages })
      .catch((thrown: unknown) => thrown);
    const { headers } = error as InstanceType<typeof OpenAI.RateLimitError>;
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(50);
    expect(headers.get('x-should-retry')).toBeNull();
  });

  /** The client's own retries: unless told not to, it waits a moment and asks twice more. */
  it('ends at once where waiting does not help', async () => {
    const asked: number[] = [];
    const client = new OpenAI({
      baseURL: `${product.url}/v1`,
      apiKey: await product.makeKey({ rpm_limit: 0 }),
      maxRetries: 2,
      fetch: async (url, init) => {
        const response = await fetch(url, init as RequestInit);
        asked.push(response.status);
        return response;
      },
    });
    await expect(client.chat.completions.create({ model: 'gpt', messages })).rejects.toBeInstanceOf(
      OpenAI.RateLimitError,
    );
    expect(asked).toEqual([429]);
  });
});

describe('a body of several parts where nobody takes one', () => {
  it('is told that there is no such route', async () => {
    const upload = openAi(`${product.url}/v1`, key).files.create({
      file: new File([new Uint8Array([0xff, 0xfe, 0x00])], 'x.jsonl'),
      purpose: 'batch',
    });
    await expect(upload).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  /** Taken for no body at all, it would be obeyed without its limits. */
  it('is refused where an object is expected', async () => {
    const form = new FormData();
    form.set('max_budget', '1');
    const headers = { authorization: `Bearer ${MASTER_KEY}` };
    for (const path of ['/team/new', '/key/generate', '/user/new', '/budget/new', '/utils/token_counter']) {
      const { status } = await fetch(product.url + path, { method: 'POST', headers, body: form });
      expect([path, status]).toEqual([path, path.startsWith('/utils') ? 400 : 422]);
    }
  });
});
