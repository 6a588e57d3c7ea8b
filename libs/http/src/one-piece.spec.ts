import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendInOnePiece } from './one-piece.js';

describe('an answer in one piece', () => {
  const bytes = Buffer.from([...Array.from({ length: 256 }, (_, byte) => byte)]);
  let server: Server;

  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume();
      const body = request.url === '/large' ? Buffer.alloc(40_000, 'x') : bytes;
      sendInOnePiece(response, 200, ['content-type', 'application/octet-stream', 'x-a', '1'], body);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
  });
  afterAll(() => server.close());

  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  it('is what Node itself would have sent: status, headers, every byte', async () => {
    const answer = await fetch(url());
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
    expect(answer.headers.get('x-a')).toBe('1');
    expect(answer.headers.get('content-length')).toBe('256');
    expect(Date.parse(answer.headers.get('date') ?? '')).toBeGreaterThan(Date.now() - 5_000);
  });

  it('leaves large bodies to Node', async () => {
    expect((await (await fetch(`${url()}/large`)).text()).length).toBe(40_000);
  });

  it('keeps a connection for the next request, and closes it for who asks', async () => {
    const text = 'GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    const answer = await exchange((server.address() as AddressInfo).port, text);
    expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(answer.match(/connection: close/gi)).toHaveLength(1);
    expect(await exchange((server.address() as AddressInfo).port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(
      /connection: close/i,
    );
  });
});

/** Everything the server says until it closes. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer)).on('error', reject);
    socket.setTimeout(3_000, () => socket.destroy(new Error('the connection stayed open')));
  });
}
