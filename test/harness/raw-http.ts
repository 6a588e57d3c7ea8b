import { connect } from 'node:net';

export interface RawAnswer {
  /** 0 when the server closed without an answer. */
  readonly status: number;
  /** Everything that came back, heads and bodies. */
  readonly text: string;
  readonly closed: boolean;
}

/** Sends bytes as they are, which no client library would, and reads until the server closes or falls silent. */
export function sendRaw(
  port: number,
  pieces: readonly (string | Buffer)[],
  options: { withinMs?: number; pauseMs?: number } = {},
): Promise<RawAnswer> {
  const { withinMs = 1_500, pauseMs = 0 } = options;
  return new Promise((resolve) => {
    let text = '';
    let closed = false;
    const socket = connect(port, '127.0.0.1');
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text, closed });
    };
    const timer = setTimeout(done, withinMs);
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('close', () => {
      closed = true;
      done();
    });
    // A reset after the answer is the server's right; what it said before counts.
    socket.on('error', () => undefined);
    socket.on('connect', () => {
      const next = (at: number): void => {
        const piece = pieces[at];
        if (piece === undefined || socket.destroyed) return;
        socket.write(piece, () => setTimeout(() => next(at + 1), pauseMs));
      };
      next(0);
    });
  });
}
