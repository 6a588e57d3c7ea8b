import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { unpackBody } from './unpack-body.js';

const plain = Buffer.from('{"model":"gpt"}');
const failure = (bytes: Buffer, packing: string, maxBytes = 1_000) =>
  unpackBody(bytes, packing, maxBytes).then(
    () => 'unpacked',
    (thrown: unknown) => thrown,
  );

describe('a packed body', () => {
  it.each([
    ['gzip', gzipSync(plain)],
    ['GZIP ', gzipSync(plain)],
    ['x-gzip', gzipSync(plain)],
    ['deflate', deflateSync(plain)],
    ['br', brotliCompressSync(plain)],
    ['zstd', zstdCompressSync(plain)],
    ['identity', plain],
    ['', plain],
  ])('is unpacked: %s', async (packing, bytes) => {
    expect(await unpackBody(bytes, packing, 1_000)).toEqual(plain);
  });

  it.each(['gzip, br', 'compress', 'constructor', 'aes128gcm'])(
    'is 415 when packed by "%s"',
    async (packing) => {
      expect(await failure(gzipSync(plain), packing)).toMatchObject({
        status: 415,
        param: 'content-encoding',
      });
    },
  );

  it('is 400 when it is not what it says, or cut short', async () => {
    for (const bytes of [plain, gzipSync(plain).subarray(0, 12), Buffer.alloc(0)])
      expect(await failure(bytes, 'gzip')).toMatchObject({ code: 'request.invalid', status: 400 });
  });

  /** A kilobyte can hold a gigabyte: nothing is unpacked past what an unpacked body may have. */
  it.each([
    ['gzip', gzipSync(Buffer.alloc(5_000_000))],
    ['deflate', deflateSync(Buffer.alloc(5_000_000))],
    ['br', brotliCompressSync(Buffer.alloc(5_000_000))],
    ['zstd', zstdCompressSync(Buffer.alloc(5_000_000))],
  ])('is too large when it unpacks to too much: %s', async (packing, bytes) => {
    expect(bytes.length).toBeLessThan(10_000);
    expect(await failure(bytes, packing, 10_000)).toMatchObject({ code: 'request.too_large', status: 413 });
  });
});
