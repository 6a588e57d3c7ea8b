import type { Environment } from './environment.js';
import type { Findings } from './problems.js';

/** Names of attributes, in order of preference. */
export interface SamlAttributes {
  readonly email: readonly string[];
  readonly userId: readonly string[];
  readonly firstName: readonly string[];
  readonly lastName: readonly string[];
  readonly role: readonly string[];
  readonly teamIds: readonly string[];
}

/** The SAML 2.0 identity provider people sign in at (contract/auth 5.3). */
export interface SamlSettings {
  /** Where its keys and its sign-in page are said: read from there, or said as it is. */
  readonly metadata: { readonly url: string } | { readonly xml: string };
  /** Ours; absent: the address of our own metadata. */
  readonly entityId?: string;
  readonly nameIdFormat?: string;
  readonly wantsAssertionsSigned: boolean;
  readonly wantsMessagesSigned: boolean;
  /** Takes answers that no browser of ours asked for. */
  readonly allowsUnsolicited: boolean;
  readonly attributes: SamlAttributes;
}

const OID = 'urn:oid:';
const CLAIMS = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims';
const EMAIL = ['email', 'mail', `${OID}0.9.2342.19200300.100.1.3`, `${CLAIMS}/emailaddress`];
const FIRST_NAME = ['first_name', 'firstName', 'givenName', `${OID}2.5.4.42`, `${CLAIMS}/givenname`];
const LAST_NAME = ['last_name', 'lastName', 'sn', `${OID}2.5.4.4`, `${CLAIMS}/surname`];

/** Undefined: no SAML provider. What would leave an answer unchecked stops the start. */
export function readSaml(environment: Environment, findings: Findings): SamlSettings | undefined {
  const url = environment.get('SAML_IDP_METADATA_URL');
  const xml = environment.get('SAML_IDP_METADATA_XML');
  if (url === undefined && xml === undefined) return undefined;
  if (url !== undefined && xml !== undefined)
    findings.notice('SAML_IDP_METADATA_URL', 'does nothing while SAML_IDP_METADATA_XML is set');
  if (xml === undefined && url !== undefined) assertSafe(url, findings);
  const flag = (name: string, usual: boolean): boolean => environment.flag(name, findings) ?? usual;
  const entityId = environment.get('SAML_SP_ENTITY_ID');
  const nameIdFormat = environment.get('SAML_SP_NAME_ID_FORMAT');
  const wantsAssertionsSigned = flag('SAML_WANT_ASSERTIONS_SIGNED', true);
  const wantsMessagesSigned = flag('SAML_WANT_MESSAGES_SIGNED', false);
  if (!flag('SAML_STRICT', true)) findings.error('SAML_STRICT', 'what a provider answers is always checked');
  if (!wantsAssertionsSigned && !wantsMessagesSigned)
    findings.error(
      'SAML_WANT_ASSERTIONS_SIGNED',
      'can only be false with SAML_WANT_MESSAGES_SIGNED: an answer nobody signed names whomever its sender likes',
    );
  if (flag('SAML_AUTHN_REQUESTS_SIGNED', false))
    findings.error('SAML_AUTHN_REQUESTS_SIGNED', 'is not there yet: requests are not signed');
  if (!flag('SAML_IDP_METADATA_VALIDATE_CERT', true))
    findings.error(
      'SAML_IDP_METADATA_VALIDATE_CERT',
      'cannot be switched off: whoever stands between could name keys of his own. Use SAML_IDP_METADATA_XML, or trust the authority with NODE_EXTRA_CA_CERTS',
    );
  return {
    metadata: xml === undefined ? { url: url ?? '' } : { xml },
    ...(entityId === undefined ? {} : { entityId }),
    ...(nameIdFormat === undefined ? {} : { nameIdFormat }),
    wantsAssertionsSigned,
    wantsMessagesSigned,
    allowsUnsolicited: flag('SAML_ALLOW_UNSOLICITED', false),
    attributes: readAttributes(environment),
  };
}

function readAttributes(environment: Environment): SamlAttributes {
  const named = (name: string, usual: readonly string[]): readonly string[] => {
    const said = environment.get(name)?.trim();
    return said === undefined ? usual : [said];
  };
  return {
    email: named('SAML_ATTRIBUTE_EMAIL', EMAIL),
    userId: named('SAML_ATTRIBUTE_USER_ID', []),
    firstName: named('SAML_ATTRIBUTE_FIRST_NAME', FIRST_NAME),
    lastName: named('SAML_ATTRIBUTE_LAST_NAME', LAST_NAME),
    role: named('SAML_ATTRIBUTE_ROLE', ['role', 'roles', 'litellm_role']),
    teamIds: named('SAML_ATTRIBUTE_TEAM_IDS', ['teams', 'team_ids', 'groups']),
  };
}

/** Whoever can change it on its way signs people in. */
function assertSafe(url: string, findings: Findings): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(parsed?.hostname ?? '');
  if (parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isHere)) return;
  findings.error('SAML_IDP_METADATA_URL', 'is not an https:// URL');
}
