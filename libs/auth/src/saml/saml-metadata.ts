import { DOMParser } from '@xmldom/xmldom';
import { GatewayError } from '#libs/kernel';
import { boundedText, providerUnavailable } from '../jwt/identity-provider.js';
import { assertPlainXml } from './saml-xml.js';

const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata';
const SIGNATURE = 'http://www.w3.org/2000/09/xmldsig#';
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1024 * 1024;

/** What has to be known of an identity provider. */
export interface SamlProvider {
  readonly entityId: string;
  /** Where browsers are sent. */
  readonly signInUrl: string;
  /** PEM; any of them may have signed. */
  readonly certificates: readonly string[];
}

/** Reads a provider's metadata. Throws what is missing in one sentence. */
export function readMetadata(xml: string): SamlProvider {
  assertPlainXml(xml);
  const document = new DOMParser({ onError: ignore } as never).parseFromString(xml, 'text/xml');
  const roles = Array.from(document.getElementsByTagNameNS(METADATA, 'IDPSSODescriptor'));
  const [role] = roles;
  if (role === undefined || roles.length > 1)
    throw new Error(`the metadata describes ${roles.length} identity providers, and one is needed`);
  const entityId = (role.parentNode as Element | null)?.getAttribute?.('entityID') ?? '';
  const signInUrl = Array.from(role.getElementsByTagNameNS(METADATA, 'SingleSignOnService'))
    .find((service) => service.getAttribute('Binding') === REDIRECT)
    ?.getAttribute('Location');
  const certificates = Array.from(role.getElementsByTagNameNS(METADATA, 'KeyDescriptor'))
    .filter((key) => key.getAttribute('use') !== 'encryption')
    .flatMap((key) => Array.from(key.getElementsByTagNameNS(SIGNATURE, 'X509Certificate')))
    .map((certificate) => pemOf(certificate.textContent ?? ''));
  if (entityId === '') throw new Error('the metadata has no entityID');
  if (!signInUrl || !/^https?:\/\//.test(signInUrl))
    throw new Error('the metadata names no sign-in address for redirects');
  if (certificates.length === 0) throw new Error('the metadata names no certificate for signatures');
  return { entityId, signInUrl, certificates };
}

/** Throws `auth.provider_unavailable` when it cannot be read from there. */
export async function fetchMetadata(url: string): Promise<SamlProvider> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    const text = await boundedText(response, MAX_BYTES);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return readMetadata(text);
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown;
    throw providerUnavailable(url, 'its metadata cannot be read', thrown);
  }
}

function pemOf(base64: string): string {
  const lines = base64.replace(/\s+/g, '').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function ignore(): void {
  // What is missing is said below, in our words.
}
