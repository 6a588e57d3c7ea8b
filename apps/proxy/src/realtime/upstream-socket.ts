import { WebSocket } from 'ws';
import { GatewayError } from '#libs/kernel';
import { realtimeTarget } from '#libs/providers';
import type { Deployment } from '#libs/routing';

const CONNECT_TIMEOUT_MS = 10_000;

/** Opens a provider's session. Throws `upstream.unreachable`, or `upstream.rejected` with the provider's status; never its words, which may hold the credential. */
export function openUpstream(
  deployment: Deployment,
  upstreamModel: string,
  beta: string | undefined,
  maxPayload: number,
): Promise<WebSocket> {
  const { url, headers } = realtimeTarget(deployment, upstreamModel);
  const socket = new WebSocket(url, {
    headers: beta === undefined ? headers : { ...headers, 'openai-beta': beta },
    handshakeTimeout: CONNECT_TIMEOUT_MS,
    followRedirects: false,
    perMessageDeflate: false,
    maxPayload,
  });
  return new Promise((resolve, reject) => {
    const refuse = (error: GatewayError): void => {
      socket.on('error', () => undefined).terminate();
      reject(error);
    };
    socket.once('open', () => {
      // What comes before anybody listens would be lost.
      socket.pause();
      resolve(socket);
    });
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      const status = response.statusCode ?? 502;
      refuse(
        new GatewayError('upstream.rejected', `The provider refused the session with status ${status}.`, {
          status: status === 429 ? 429 : 502,
        }),
      );
    });
    socket.once('error', (cause) =>
      refuse(new GatewayError('upstream.unreachable', 'The provider cannot be reached.', { cause })),
    );
  });
}
