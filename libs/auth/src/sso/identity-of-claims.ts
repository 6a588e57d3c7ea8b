import { type SsoProvider, type SsoSettings, USER_ROLE_NAMES } from '#libs/config';
import { type Claims, claimAt, listClaim, textClaim } from '../jwt/claims.js';
import { refusal } from '../refusal.js';
import { normalEmail } from './allowed-email.js';
import type { ExternalIdentity, ExternalTeam } from './external-identity.js';

/** What an OpenID provider said of somebody, each part from where it can be believed. */
export interface ProviderWord {
  readonly issuer: string;
  /** `sub` of the verified id token. */
  readonly subject: string;
  /** Of the id token and of the UserInfo endpoint, which wins. */
  readonly claims: Claims;
  /** Of the access token, where it is one that can be read. */
  readonly accessClaims: Claims;
  /** From Microsoft Graph; `unknown` when it could not be asked, undefined where there is none. */
  readonly graphTeams?: readonly ExternalTeam[] | 'unknown' | undefined;
}

/** Claims as an identity, for all three providers (contract/auth 5.5). Throws 401 for a claim that is there and of the wrong type. */
export function identityOfClaims(
  word: ProviderWord,
  provider: SsoProvider,
  { teamClaims, access }: Pick<SsoSettings, 'teamClaims' | 'access'>,
): ExternalIdentity {
  const { accessClaims } = word;
  const claims = provider.readsAccessToken ? { ...accessClaims, ...word.claims } : word.claims;
  const first = (paths: readonly string[]): string | undefined => {
    for (const path of paths) {
      const value = textClaim(claims, path);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const { claims: fields } = provider;
  const email = emailOf(first(fields.email), claims);
  const groupClaims = [
    ...teamClaims,
    ...(provider.roleMapping ? [provider.roleMapping.groupClaim] : []),
    ...(access.to === 'group' && access.claim !== undefined ? [access.claim] : []),
  ];
  const teams = teamsOf(word, claims, teamClaims);
  return {
    provider: first(provider.providerClaim === undefined ? [] : [provider.providerClaim]) ?? provider.name,
    issuer: word.issuer,
    subject: word.subject,
    id: first(fields.id) ?? word.subject,
    email,
    displayName: first(fields.displayName),
    firstName: first(fields.firstName),
    lastName: first(fields.lastName),
    ...rolesOf(claims, accessClaims, provider),
    teams,
    groups: [
      ...new Set([
        ...(groupClaims.length === 0 ? groupsAt(claims, 'groups') : []),
        ...groupClaims.flatMap((path) => groupsAt(claims, path)),
        ...(teams ?? []).map(({ id }) => id),
      ]),
    ],
    ...(provider.extraClaims === undefined
      ? {}
      : {
          extraFields: Object.fromEntries(
            provider.extraClaims.map((path) => [path, claimAt(claims, path) ?? null]),
          ),
        }),
    claims,
  };
}

/** An address that the provider itself does not vouch for would let anybody be whoever he writes. */
function emailOf(text: string | undefined, claims: Claims): string | undefined {
  if (text === undefined) return undefined;
  const { email_verified: verified } = claims;
  if (verified === false || verified === 'false')
    throw refusal(
      'auth.token_invalid',
      'your identity provider has not verified your e-mail address.',
      'user_email',
    );
  if (verified !== undefined && verified !== null && verified !== true && verified !== 'true')
    throw refusal(
      'auth.credential_malformed',
      'Validation fails: the claim email_verified has a type that was not expected.',
    );
  const email = normalEmail(text);
  if (email === undefined)
    throw refusal('auth.credential_malformed', 'the e-mail address is not one.', 'user_email');
  return email;
}

/** Of several built-in roles the strongest, before those of the operator's own. */
function rolesOf(
  claims: Claims,
  accessClaims: Claims,
  { roleMapping, claims: fields }: SsoProvider,
): Pick<ExternalIdentity, 'role' | 'otherRoles'> {
  if (roleMapping) {
    const groups = groupsAt(claims, roleMapping.groupClaim);
    const mapped = [...USER_ROLE_NAMES, ...Object.keys(roleMapping.roles)].find((role) =>
      roleMapping.roles[role]?.some((group) => groups.includes(group)),
    );
    return { role: mapped ?? roleMapping.defaultRole, otherRoles: [] };
  }
  const others: string[] = [];
  for (const source of [claims, accessClaims]) {
    const names = fields.role.flatMap((path) => listClaim(source, path));
    const lower = names.map((name) => name.toLowerCase());
    const role = USER_ROLE_NAMES.find((one) => lower.includes(one));
    if (role !== undefined) return { role, otherRoles: [] };
    others.push(...names);
  }
  return { role: undefined, otherRoles: others };
}

/** A list, or one text with commas between. */
function groupsAt(claims: Claims, path: string): string[] {
  const groups = listClaim(claims, path);
  if (Array.isArray(claimAt(claims, path))) return groups;
  return groups.flatMap((text) => text.split(',').map((one) => one.trim())).filter((one) => one !== '');
}

/** Undefined where the provider says nothing about teams, or has too many to say (Entra's overage). */
function teamsOf(
  { graphTeams }: ProviderWord,
  claims: Claims,
  teamClaims: readonly string[],
): readonly ExternalTeam[] | undefined {
  if (graphTeams === 'unknown') return undefined;
  if (graphTeams !== undefined) return graphTeams;
  if (teamClaims.length === 0 || claims['_claim_names'] !== undefined || claims['hasgroups'] !== undefined)
    return undefined;
  const ids = new Set(teamClaims.flatMap((path) => groupsAt(claims, path)));
  return [...ids].map((id) => ({ id, isMade: false }));
}
