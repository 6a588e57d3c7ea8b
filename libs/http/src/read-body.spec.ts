import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { GatewayError } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { readBody } from './read-body.js';

const HEAD = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n';

/** What `read` makes of a request whose client sends this much and leaves once the head has come. */
async function left(sent: string, read: (request: IncomingMessage) => Promise<unknown>): Promise<unknown> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write(sent);
  try {
    const [request] = (await once(server, 'request')) as [IncomingMessage];
    request.on('error', () => undefined);
    const outcome = read(request).catch((error: unknown) => error);
    client.destroy();
    return await outcome;
  } finally {
    server.close();
  }
}

describe('a client who leaves', () => {
  it('while its body is read: the reading ends', async () => {
    const outcome = await left(`${HEAD}ab`, (request) => readBody(request, 100));
    expect(outcome).toMatchObject({ code: 'request.invalid' } satisfies Partial<GatewayError>);
  });

  /** Else each of them would be under way for ever, and a process that drains would wait for it. */
  it.each([HEAD, `${HEAD}ab`, `${HEAD}abcde`])(
    'before anybody read: there is nothing to wait for',
    async (sent) => {
      const outcome = await left(sent, async (request) => {
        await new Promise((resolve) => request.once('close', resolve));
        return readBody(request, 100);
      });
      expect(outcome).toMatchObject({ code: 'request.invalid' });
    },
  );
});
