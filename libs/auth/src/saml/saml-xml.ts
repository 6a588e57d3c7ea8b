import { refusal } from '../refusal.js';

/**
 * Refuses what two readers of one document understand differently, or what makes it grow: declarations of types and entities,
 * comments (which split a text in two, so that `boss@my-co.com<!-- -->.evil.org` is signed as one and read as the other), and
 * processing instructions. No identity provider needs any of them.
 */
export function assertPlainXml(xml: string): void {
  if (/<!(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|--)|<!\[CDATA\[/i.test(xml) || /<\?(?!xml\s)/i.test(xml))
    throw refusal('auth.token_invalid', 'the answer of the identity provider is not plain XML.', 'saml');
}

/** Signatures made with SHA-1 can be made for another document. */
export function assertStrongSignatures(xml: string): void {
  if (!/xmldsig#(?:rsa-|dsa-|hmac-)?sha1["']/i.test(xml)) return;
  throw refusal(
    'auth.token_invalid',
    'the identity provider signs with SHA-1; it must use SHA-256 or better.',
    'saml',
  );
}
