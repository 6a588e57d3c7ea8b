import type { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { GatewayError } from '#libs/kernel';

/** A body on its way, as fast as the other side takes it; one that grows past the operator's limit ends the call. */
export class BodyMeter extends Transform {
  #bytes = 0;
  /** Why the body was not passed on to its end. */
  refusal: GatewayError | undefined;

  private constructor(private readonly maxBytes: number) {
    super();
    // Whoever reads it hears of the error; where nobody reads yet, it must not end the process.
    this.on('error', () => undefined);
  }

  /** Null for a request without a body. */
  static of(request: IncomingMessage, maxBytes: number): BodyMeter | null {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (encoding === undefined && (length === undefined || length === '0')) return null;
    const meter = new BodyMeter(maxBytes);
    const broken = (): void =>
      meter.#end(new GatewayError('request.invalid', 'The request body ended early.'));
    request.on('error', broken).on('aborted', broken);
    request.pipe(meter);
    return meter;
  }

  /** Throws `request.too_large` before anything is read. */
  static assertDeclaredSize(request: IncomingMessage, maxBytes: number): void {
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= this.maxBytes) return done(null, chunk);
    this.refusal = tooLarge(this.maxBytes);
    done(this.refusal);
  }

  #end(error: GatewayError): void {
    this.refusal ??= error;
    this.destroy(error);
  }
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('request.too_large', `The request body is larger than ${maxBytes} bytes.`, {
    param: 'content-length',
  });
}
