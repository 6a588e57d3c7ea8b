import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer as createHttpServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from './asked.js';
import { FirstValue, framed } from './frames.js';
import type { AnswerHead, Question } from './messages.js';

const QUESTION: Question = { controller: 'Keys', handler: 'list', values: [], groups: 0 };
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Stands for the reading process: answers each question as `answer` does. */
async function reader(answer: (socket: Socket, question: Question) => void): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), 'tollgate-asked-')), 'questions');
  const server = createServer((socket) => {
    const first = new FirstValue<Question>();
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const taken = first.take(bytes);
      if (taken) answer(socket, taken.value);
    });
  }).listen(path);
  servers.push(server);
  await once(server, 'listening');
  return path;
}

const head = (told: AnswerHead): Buffer => framed(told);
const whole = (body: Buffer) => (socket: Socket) => {
  socket.write(head({ length: body.length, headers: [['x-of', 'reader']] }));
  socket.end(body);
};
const text = async (path: string): Promise<string> =>
  Buffer.concat(await (await ask(path, QUESTION, undefined)).getStream().toArray()).toString();

/** A server that pipes what it asked into its responses, and what a client gets of it. */
async function serve(path: string): Promise<() => Promise<IncomingMessage>> {
  const server = createHttpServer((_request, response: ServerResponse) => {
    void ask(path, QUESTION, response).then((file) => {
      const stream = file.getStream();
      stream.once('error', () => response.destroy());
      response.once('close', () => stream.destroy());
      response.setHeader('content-length', String(file.options.length));
      stream.pipe(response);
    });
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return async () => {
    const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [
      IncomingMessage,
    ];
    return response;
  };
}

describe('what was asked of the reading process', () => {
  it('is answered with every byte in its order, however it comes', async () => {
    const path = await reader(async (socket) => {
      for (const byte of Buffer.concat([head({ length: 6, headers: [] }), Buffer.from('[1,2 ]')])) {
        socket.write(Buffer.of(byte));
        await new Promise(setImmediate);
      }
      socket.end();
    });
    expect(await text(path)).toBe('[1,2 ]');
  });

  it('is passed on whole to many at once, each from the pieces of its own connection', async () => {
    const bodies = Array.from({ length: 12 }, (_, index) => Buffer.alloc(300_000 + index, 97 + index));
    let asked = 0;
    const path = await reader((socket) => whole(bodies[asked++] as Buffer)(socket));
    const client = await serve(path);
    const received = await Promise.all(
      bodies.map(async () => {
        const response = await client();
        expect(response.headers['x-of']).toBe('reader');
        return Buffer.concat(await response.toArray());
      }),
    );
    const sorted = (buffers: readonly Buffer[]): readonly Buffer[] => buffers.toSorted(Buffer.compare);
    expect(sorted(received).every((body, index) => body.equals(sorted(bodies)[index] as Buffer))).toBe(true);
  });

  /** Else one slow client and a report of megabytes would fill the process that serves calls. */
  it('is read from there no faster than the client takes it', async () => {
    const body = Buffer.alloc(64 * 1024 * 1024, 'x');
    let sent: Socket | undefined;
    const path = await reader((socket) => {
      sent = socket;
      whole(body)(socket);
    });
    const response = await (await serve(path))();
    response.pause();
    await expect.poll(() => sent?.writableLength).toBeGreaterThan(48 * 1024 * 1024);
    let length = 0;
    for await (const piece of response) length += (piece as Buffer).length;
    expect(length).toBe(body.length);
  });

  it('is refused when it fails before there is an answer', async () => {
    const path = await reader((socket) => {
      socket.end(head({ failure: { is: 'defect', message: 'no such list', stack: '' } }));
    });
    await expect(text(path)).rejects.toThrow('no such list');
    await expect(text(await reader((socket) => void socket.destroy()))).rejects.toThrow(
      'ended before it answered',
    );
    await expect(text(join(tmpdir(), 'nobody-listens-here'))).rejects.toThrow('ended before it answered');
  });

  /** Half a list must not be taken for a whole one. */
  it('is cut when the reader ends in the middle of its answer', async () => {
    const path = await reader((socket) => {
      socket.end(Buffer.concat([head({ length: 6, headers: [] }), Buffer.from('[1,')]));
    });
    await expect(text(path)).rejects.toThrow('ended before it answered');
    const response = await (await serve(path))();
    await expect(response.toArray()).rejects.toThrow('aborted');
  });

  it('is no longer read for a client that is gone', async () => {
    let isOver = false;
    const path = await reader((socket) => {
      socket.once('close', () => (isOver = true));
      whole(Buffer.alloc(64 * 1024 * 1024))(socket);
    });
    const response = await (await serve(path))();
    response.destroy();
    await expect.poll(() => isOver).toBe(true);
  });
});
