import type { IncomingMessage } from 'node:http';
import { GatewayError } from '#libs/kernel';

/**
 * The whole request body as one buffer. By events, not by `for await`, which costs several times more on small bodies;
 * without a timer of its own, because the server's request timeout already ends slow bodies (see client-error.ts).
 * Rejects with `request.too_large` (413), or `request.invalid` when the client breaks off.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
      reject(tooLarge(maxBytes));
      return;
    }
    let first: Buffer | undefined;
    let all: Buffer[] | undefined;
    let size = 0;
    const finish = (): void => {
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) {
        finish();
        reject(tooLarge(maxBytes));
      } else if (first === undefined) first = chunk;
      else (all ??= [first]).push(chunk);
    };
    const onEnd = (): void => {
      finish();
      resolve(all ? Buffer.concat(all, size) : (first ?? Buffer.alloc(0)));
    };
    const onBroken = (): void => {
      finish();
      reject(new GatewayError('request.invalid', 'The request body ended early.'));
    };
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  });
}

/**
 * The connection stays open: Node then reads the rest and throws it away, within the request timeout. Closing at once would
 * reset it under a client that still sends, and the client would never read why.
 */
function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('request.too_large', `The request body is larger than ${maxBytes} bytes.`, {
    param: 'content-length',
  });
}
