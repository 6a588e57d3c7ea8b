import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A port that was free a moment ago. Another process may take it first, so starters retry once. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves once something accepts connections on the port; rejects after `limitMs`, or at once when `failed` says why. */
export async function waitForPort(
  port: number,
  limitMs: number,
  failed: () => string | undefined,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await accepts(port))) {
    const problem = failed();
    if (problem !== undefined) throw new Error(problem);
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after ${limitMs} ms`);
    await delay(20);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
