import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, type InputType, zstdDecompress } from 'node:zlib';
import { GatewayError } from '#libs/kernel';

type Unpack = (bytes: InputType, options: { maxOutputLength: number }) => Promise<Buffer>;

const WAYS: Readonly<Record<string, Unpack>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

/**
 * What was packed the way `content-encoding` says (RFC 9110, 8.4), off the event loop. A small body that would unpack to more
 * than `maxBytes` is given up there: `request.too_large`. Rejects with `request.invalid`: 415 for a way nobody knows or several
 * ways at once, 400 for bytes that are not packed that way.
 */
export async function unpackBody(bytes: Buffer, packing: string, maxBytes: number): Promise<Buffer> {
  const name = packing.trim().toLowerCase();
  if (name === 'identity' || name === '') return bytes;
  const unpack = Object.hasOwn(WAYS, name) ? WAYS[name] : undefined;
  if (!unpack) {
    const message = 'The content-encoding of this request is not known here; gzip, deflate, br and zstd are.';
    throw new GatewayError('request.invalid', message, { status: 415, param: 'content-encoding' });
  }
  try {
    return await unpack(bytes, { maxOutputLength: maxBytes });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new GatewayError('request.invalid', `The request body is not valid ${name}.`, {
      param: 'content-encoding',
    });
  }
}

/**
 * The connection stays open: Node then reads the rest and throws it away, within the request timeout. Closing at once would
 * reset it under a client that still sends, and the client would never read why.
 */
export function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('request.too_large', `The request body is larger than ${maxBytes} bytes.`, {
    param: 'content-length',
  });
}
