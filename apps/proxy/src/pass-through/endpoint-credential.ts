import { type CredentialFacts, credentialOf, onlyHeader } from '#libs/auth';
import type { PassThroughEndpoint } from '#libs/config';

/** What a call is judged by, and the text of it that must not go further. */
export interface PresentedCredential {
  readonly facts: CredentialFacts;
  readonly raw: string | undefined;
}

/**
 * The caller's credential at an endpoint: where callers put it everywhere, else in the header that the endpoint names for
 * its clients (contract/auth 1.1), else, for Langfuse's clients, as the user of `Basic`. It is then judged as any other.
 */
export function endpointCredential(
  request: CredentialFacts,
  endpoint: PassThroughEndpoint,
  keyHeaderName: string | undefined,
): PresentedCredential {
  const usual = credentialOf(request, keyHeaderName);
  if (endpoint.keyIsBasicUser) {
    const user = basicUser(onlyHeader(request, 'authorization'));
    if (user !== undefined) return presented(request, user, keyHeaderName, 'authorization');
  }
  if (usual.kind === 'token') return { facts: request, raw: usual.raw };
  if (usual.kind === 'missing' && endpoint.keyHeader !== undefined) {
    const value = onlyHeader(request, endpoint.keyHeader)?.trim();
    if (value !== undefined && value !== '')
      return presented(request, value.replace(/^bearer\s+/i, ''), keyHeaderName);
  }
  return { facts: request, raw: undefined };
}

/** The same request with the key where the authentication looks first. */
function presented(
  request: CredentialFacts,
  raw: string,
  keyHeaderName: string | undefined,
  without?: string,
): PresentedCredential {
  const rawHeaders: string[] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] ?? '';
    if (name.toLowerCase() !== without) rawHeaders.push(name, request.rawHeaders[i + 1] ?? '');
  }
  rawHeaders.push(keyHeaderName ?? 'x-litellm-api-key', `Bearer ${raw}`);
  const { url, socket } = request;
  return { facts: { rawHeaders, url, ...(socket === undefined ? {} : { socket }) }, raw };
}

/** `Basic base64(user:password)`: the user. */
function basicUser(value: string | undefined): string | undefined {
  const encoded = /^Basic\s+([A-Za-z0-9+/=_-]+)$/.exec(value ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon > 0 ? text.slice(0, colon) : undefined;
}
