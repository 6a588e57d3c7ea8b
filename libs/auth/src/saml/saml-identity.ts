import type { Profile } from '@node-saml/node-saml';
import { type SamlAttributes, USER_ROLE_NAMES } from '#libs/config';
import { refusal } from '../refusal.js';
import { normalEmail } from '../sso/allowed-email.js';
import type { ExternalIdentity } from '../sso/external-identity.js';

const EMAIL_FORMAT = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
/** Another one each time: it names nobody. */
const TRANSIENT_FORMAT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';

/** A verified assertion as an identity. Throws 401 for one without an address or a name that lasts. */
export function identityOfAssertion(
  profile: Profile,
  names: SamlAttributes,
  issuer: string,
): ExternalIdentity {
  const attributes = attributesOf(profile);
  const first = (wanted: readonly string[]): string | undefined =>
    wanted.flatMap((name) => attributes.get(name) ?? [])[0];
  const all = (wanted: readonly string[]): string[] => [
    ...new Set(wanted.flatMap((name) => attributes.get(name) ?? [])),
  ];
  const nameId = profile.nameIDFormat === TRANSIENT_FORMAT ? undefined : textOf(profile.nameID);
  const address = first(names.email) ?? (profile.nameIDFormat === EMAIL_FORMAT ? nameId : undefined);
  const email = address === undefined ? undefined : normalEmail(address);
  if (email === undefined)
    throw refusal(
      'auth.token_invalid',
      'the identity provider does not say your e-mail address.',
      'user_email',
    );
  const id = first(names.userId) ?? nameId ?? email;
  const teams = all(names.teamIds).flatMap((text) =>
    text
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean),
  );
  const said = all(names.role);
  const roles = said.map((role) => role.toLowerCase());
  const isSaid = names.teamIds.some((name) => attributes.has(name));
  return {
    provider: 'saml',
    issuer,
    subject: id,
    id,
    email,
    displayName: undefined,
    firstName: first(names.firstName),
    lastName: first(names.lastName),
    role: USER_ROLE_NAMES.find((role) => roles.includes(role)),
    otherRoles: said,
    teams: isSaid ? [...new Set(teams)].map((team) => ({ id: team, isMade: false })) : undefined,
    groups: [...new Set([...teams, ...all(['groups'])])],
    claims: Object.fromEntries(attributes),
  };
}

/** Only what stands in the signed attributes: an attribute called `nameID` is an attribute. */
function attributesOf(profile: Profile): ReadonlyMap<string, readonly string[]> {
  const said = profile['attributes'];
  const entries = typeof said === 'object' && said !== null ? Object.entries(said) : [];
  return new Map(
    entries.map(([name, value]): [string, string[]] => [
      name,
      (Array.isArray(value) ? value : [value]).flatMap((one: unknown) => textOf(one) ?? []),
    ]),
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' && value.length <= 1_024 ? value.trim() : undefined;
}
