import type { IncomingMessage } from 'node:http';
import { GatewayError } from '#libs/kernel';
import { tooLarge, unpackBody } from './unpack-body.js';

/**
 * The whole request body as one buffer. By events, not by `for await`, which costs several times more on small bodies;
 * without a timer of its own, because the server's request timeout already ends slow bodies (see client-error.ts).
 * A body that was sent packed (`content-encoding`) is unpacked, to `maxBytes` at most. Rejects with `request.too_large` (413),
 * or `request.invalid` when the client breaks off or nobody can unpack it.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
      reject(tooLarge(maxBytes));
      return;
    }
    // Whoever left before anybody listened has no more to say, not even that.
    if (request.destroyed) {
      reject(endedEarly());
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
      const bytes = all ? Buffer.concat(all, size) : (first ?? Buffer.alloc(0));
      const packing = request.headers['content-encoding'];
      if (packing === undefined) resolve(bytes);
      else unpackBody(bytes, packing, maxBytes).then(resolve, reject);
    };
    const onBroken = (): void => {
      finish();
      reject(endedEarly());
    };
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  });
}

function endedEarly(): GatewayError {
  return new GatewayError('request.invalid', 'The request body ended early.');
}
