import type { SsoProvider } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { fetchJson, ProviderRefusal } from '../jwt/identity-provider.js';

/** `https://host/realms/x/protocol/openid-connect/token` is the deepest that is common. */
const MOST_SEGMENTS = 6;

/**
 * Whose discovery document counts. LiteLLM's settings name only endpoints, with which no id token can be verified; the issuer is then looked
 * for upwards from the token endpoint, and believed only when its document names exactly that endpoint.
 */
export async function issuerOf({ issuer, tokenEndpoint, name }: SsoProvider): Promise<URL> {
  if (issuer !== undefined) return new URL(issuer);
  if (tokenEndpoint !== undefined) {
    for (const candidate of candidatesFor(new URL(tokenEndpoint))) {
      const found = await issuerAt(candidate, tokenEndpoint);
      if (found !== undefined) return new URL(found);
    }
  }
  throw new GatewayError(
    'internal.unexpected',
    `No OpenID discovery document names the token endpoint of ${name}. Set GENERIC_ISSUER: without it nobody's identity can be verified.`,
    { type: 'auth_error', param: 'GENERIC_ISSUER' },
  );
}

/** From the endpoint's folder up to the host. */
export function candidatesFor({ origin, pathname }: URL): string[] {
  const segments = pathname.split('/').filter((segment) => segment !== '');
  return segments
    .slice(0, MOST_SEGMENTS)
    .map((_, index) => [origin, ...segments.slice(0, segments.length - 1 - index)].join('/'));
}

async function issuerAt(candidate: string, tokenEndpoint: string): Promise<string | undefined> {
  try {
    const document = await fetchJson(`${candidate}/.well-known/openid-configuration`);
    const { issuer, token_endpoint: named } = document as Record<string, unknown>;
    return typeof issuer === 'string' && URL.canParse(issuer) && named === tokenEndpoint ? issuer : undefined;
  } catch (thrown) {
    if (thrown instanceof ProviderRefusal) return undefined;
    throw thrown;
  }
}
