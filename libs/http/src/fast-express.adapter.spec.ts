import 'reflect-metadata';
import { connect } from 'node:net';
import { Controller, Get, type INestApplication, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Request } from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FastExpressAdapter } from './fast-express.adapter.js';
import { readBody } from './read-body.js';

@Controller()
class Probe {
  @Get('probe')
  probe(@Req() request: Request): object {
    return { path: request.path, protocol: request.protocol, query: request.query };
  }
  @Post('key/generate')
  generate(): string {
    return 'made';
  }
}

@Module({ controllers: [Probe] })
class ProbeModule {}

describe('the HTTP server under Express', () => {
  let app: INestApplication;
  let url: string;
  let port: number;

  beforeAll(async () => {
    const adapter = new FastExpressAdapter({ rootPath: '/gate', requestTimeoutMs: 1_000 });
    adapter.useLane((request, response) => {
      if (request.url === '/lane') response.end('lane');
      else if (request.url === '/read')
        void readBody(request, 100).then(
          (bytes) => response.end(bytes),
          () => response.end(),
        );
      else return false;
      return true;
    });
    app = await NestFactory.create(ProbeModule, adapter, { logger: false, bodyParser: false });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
    port = Number(new URL(url).port);
  });
  afterAll(() => app.close());

  it('still gives handlers an Express request', async () => {
    const answer = await fetch(`${url}/probe?a=1`);
    expect(await answer.json()).toEqual({ path: '/probe', protocol: 'http', query: { a: '1' } });
    expect(answer.headers.get('x-powered-by')).toBeNull();
  });

  it('gives the lane its requests first', async () => {
    expect(await (await fetch(`${url}/lane`)).text()).toBe('lane');
  });

  it('takes the root path off whole segments only', async () => {
    expect((await fetch(`${url}/gate/probe`)).status).toBe(200);
    expect((await fetch(`${url}/gateprobe`)).status).toBe(404);
  });

  /** Whoever guards `/gate/probe` in front of us must not be passed by with an offer to upgrade. */
  it('takes the root path off once, whatever else a request offers', async () => {
    for (const offer of ['connection: close', 'connection: close, upgrade\r\nupgrade: websocket']) {
      const asked = (path: string): Promise<string> =>
        raw(port, `GET ${path} HTTP/1.1\r\nhost: x\r\n${offer}\r\n\r\n`);
      expect(await asked('/gate/gate/probe')).toMatch(/^HTTP\/1\.1 404 /);
      expect(await asked('/gate/probe')).toMatch(/^HTTP\/1\.1 200 /);
    }
  });

  it.each(['/Key/generate', '/key/generate/', '//key/generate', '/key%2Fgenerate', '/key/./generate%00'])(
    'has no route for the spelling %s',
    async (path) => {
      const status = await raw(
        port,
        `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
      );
      expect(status).toMatch(/^HTTP\/1\.1 404 /);
    },
  );

  it('answers a header flood and broken HTTP in the error shape, and closes', async () => {
    const flood = await raw(port, `GET / HTTP/1.1\r\nhost: x\r\nx-flood: ${'a'.repeat(20_000)}\r\n\r\n`);
    expect(flood).toMatch(/^HTTP\/1\.1 431 .*"type":"bad_request_error"/s);
    expect(await raw(port, 'NOT HTTP\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*"error"/s);
  });

  it('ends a body that never arrives', async () => {
    const late = await raw(port, 'POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc', 8_000);
    expect(late).toMatch(/^HTTP\/1\.1 408 .*took too long/s);
  });
});

function raw(port: number, text: string, withinMs = 2_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    const done = (): void => resolve(answer);
    socket.setTimeout(withinMs, () => socket.destroy());
    socket
      .on('data', (chunk) => (answer += chunk.toString()))
      .on('close', done)
      .on('error', done);
  });
}
