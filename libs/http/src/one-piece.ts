import { type ServerResponse, STATUS_CODES } from 'node:http';

/** Up to here copying a body costs less than a second buffer in the write. */
const ONE_PIECE_BYTES = 16 * 1024;

/** What Node keeps a finished head in, since its first versions. */
interface WithHead extends ServerResponse {
  _header?: string | null;
}

/**
 * Sends a whole answer, head and body in one write. `headers` is flat and must hold only names and values that are safe to
 * send, and nothing about the connection: Node would check and join each of them by itself, which costs a response with
 * 24 headers more than its admission did. Where the connection is not a plain HTTP/1.1 one that stays open, Node does it after all.
 */
export function sendInOnePiece(
  response: ServerResponse,
  status: number,
  headers: string[],
  body: Buffer,
): void {
  const { req: request, shouldKeepAlive } = response as WithHead & { shouldKeepAlive: boolean };
  const isPlain = shouldKeepAlive && request.httpVersionMinor === 1 && request.httpVersionMajor === 1;
  if (!isPlain || !('_header' in response) || response.headersSent || body.length > ONE_PIECE_BYTES) {
    headers.push('content-length', String(body.length));
    response.writeHead(status, headers);
    response.end(body);
    return;
  }
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  response.statusCode = status;
  (response as WithHead)._header =
    `${head}content-length: ${body.length}\r\nDate: ${httpDate()}\r\nConnection: keep-alive\r\n\r\n`;
  // Latin-1 keeps every byte, and as text the body joins the head.
  response.end(body.toString('latin1'), 'latin1');
}

let date = '';
let dateOfSecond = -1;

function httpDate(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (second !== dateOfSecond) {
    dateOfSecond = second;
    date = new Date(second * 1_000).toUTCString();
  }
  return date;
}
