import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAi } from '../harness/clients.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

/** Parts of OpenAI's API that are no routes of ours, as docs/clients.md tells to open them: by endpoints that pass them through. */
let database: TestDatabase;
let target: Server;
let product: Product;
let key: string;

const SPEECH = Buffer.concat([Buffer.alloc(70_000, 0xff), Buffer.from([0, 1, 2])]);
const JSONL = '{"custom_id":"1"}\n';
let received: { path: string; authorization: string | undefined; body: Buffer; type: string }[] = [];

function serve(path: string, method: string, response: ServerResponse): void {
  const json = (value: object) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (path === '/v1/audio/speech') response.writeHead(200, { 'content-type': 'audio/mpeg' }).end(SPEECH);
  else if (path === '/v1/audio/transcriptions') json({ text: 'hello' });
  else if (path === '/v1/images/generations') json({ created: 1, data: [{ b64_json: 'aGk=' }] });
  else if (path === '/v1/files' && method === 'POST') json({ id: 'file-1', object: 'file' });
  else if (path === '/v1/files/file-1/content') response.writeHead(200).end(JSONL);
  else if (path === '/v1/batches') json({ id: 'batch-1', object: 'batch', status: 'validating' });
  else
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"not there"}}');
}

beforeAll(async () => {
  database = await createTestDatabase();
  target = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { authorization, 'content-type': type = '' } = request.headers;
      const path = (request.url ?? '').split('?')[0] ?? '';
      received.push({ path, authorization, body: Buffer.concat(chunks), type });
      serve(path, request.method ?? '', response);
    });
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  const endpoint = (path: string, more: object = {}) => ({
    path,
    target: origin + path,
    include_subpath: true,
    forward_headers: true,
    headers: { Authorization: 'Bearer sk-upstream' },
    ...more,
  });
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: {
      general_settings: {
        pass_through_endpoints: [
          endpoint('/v1/files'),
          endpoint('/v1/batches'),
          endpoint('/v1/audio'),
          endpoint('/v1/images', { cost_per_request: 0.04 }),
        ],
      },
    },
  });
  key = await product.makeKey({ allowed_passthrough_routes: ['/v1'], max_budget: 0.1 });
});

afterAll(async () => {
  await product?.dispose();
  target?.close();
  await database?.drop();
});

const client = (apiKey = key) => openAi(`${product.url}/v1`, apiKey);

describe('OpenAI’s client through endpoints that pass on', () => {
  it('uploads a file, makes a batch of it and reads what came out', async () => {
    received = [];
    const content = new Uint8Array([0xff, 0xfe, 0x00, 0x0d, 0x0a]);
    const file = await client().files.create({ file: new File([content], 'in.jsonl'), purpose: 'batch' });
    expect(file.id).toBe('file-1');
    const [upload] = received;
    expect(upload?.type).toMatch(/^multipart\/form-data; boundary=/);
    expect(upload?.body.includes(Buffer.from(content))).toBe(true);
    const batch = await client().batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    expect(batch.id).toBe('batch-1');
    expect(await (await client().files.content('file-1')).text()).toBe(JSONL);
    expect(new Set(received.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer sk-upstream']),
    );
  });

  it('speaks and hears, byte for byte', async () => {
    const speech = await client().audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'hi' });
    expect(Buffer.from(await speech.arrayBuffer()).equals(SPEECH)).toBe(true);
    const heard = client().audio.transcriptions.create({
      model: 'whisper-1',
      file: new File([new Uint8Array(SPEECH)], 'in.mp3'),
    });
    expect((await heard).text).toBe('hello');
  });

  it('pays for pictures until its money is spent', async () => {
    const own = await product.makeKey({ allowed_passthrough_routes: ['/v1/images'], max_budget: 0.08 });
    const draw = () => client(own).images.generate({ model: 'gpt-image-1', prompt: 'a toll gate' });
    expect((await draw()).data?.[0]?.b64_json).toBe('aGk=');
    await draw();
    await expect(draw()).rejects.toBeInstanceOf(OpenAI.UnprocessableEntityError);
  });

  it('refuses who was granted none of it, and reads the provider’s own errors', async () => {
    await expect(client(await product.makeKey({})).files.list()).rejects.toBeInstanceOf(
      OpenAI.PermissionDeniedError,
    );
    await expect(client().files.retrieve('nobody')).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});
