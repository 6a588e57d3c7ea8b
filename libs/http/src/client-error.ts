import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { GatewayError } from '#libs/kernel';
import { errorAnswer } from './error-answer.js';
import { SECURITY_HEADERS } from './security-headers.js';

/**
 * What Node's parser refuses before there is a request (broken HTTP, a header flood, a body slower than the request
 * timeout) is answered in the one error shape too, then the socket is closed: its state is unknown.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const answer = errorAnswer(explain(error.code), 'openai');
  const body = JSON.stringify(answer.body);
  let security = '';
  for (let i = 0; i < SECURITY_HEADERS.length; i += 2)
    security += `${SECURITY_HEADERS[i]}: ${SECURITY_HEADERS[i + 1]}\r\n`;
  socket.end(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\ncontent-type: application/json\r\n${security}` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function explain(code: string | undefined): GatewayError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new GatewayError('request.too_large', 'The request headers are too large.', { status: 431 });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new GatewayError('request.timeout', 'The request took too long to arrive.');
    default:
      return new GatewayError('request.invalid', 'The request is not valid HTTP.');
  }
}
