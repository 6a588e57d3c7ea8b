import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A port that was free a moment ago, and that no outgoing connection is given meanwhile: what is killed and started again on
 * it finds it free. Another server may still take it first, so starters retry once.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
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
