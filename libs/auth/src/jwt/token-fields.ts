import type { JwtOptions } from '#libs/config';
import { type Claims, listClaim, textClaim } from './claims.js';
import type { IssuerOptions } from './token-verifier.js';

/** What the configured claims of a token say. */
export interface TokenFields {
  readonly userId: string | undefined;
  /** Undefined when its issuer says that nobody verified it: then it says nothing about who this is. */
  readonly email: string | undefined;
  readonly isEmailUnverified: boolean;
  readonly teamId: string | undefined;
  /** Of `client_id`, which is only looked at: it need not name a team. */
  readonly maybeTeamId: string | undefined;
  readonly teamIds: readonly string[];
  readonly teamAlias: string | undefined;
  readonly organizationId: string | undefined;
  readonly organizationAlias: string | undefined;
  readonly customerId: string | undefined;
  readonly roles: readonly string[];
  readonly userRoles: readonly string[];
}

/** An issuer's own mapping counts first; a claim it names that is absent leaves the question to the general one. */
export function tokenFieldsOf(
  claims: Claims,
  issuer: IssuerOptions | undefined,
  options: JwtOptions,
): TokenFields {
  const text = (own: string | undefined, general: string | undefined): string | undefined =>
    textClaim(claims, own) ?? textClaim(claims, general);
  const list = (own: string | undefined, general: string | undefined): string[] => {
    const found = listClaim(claims, own);
    return found.length > 0 ? found : listClaim(claims, general);
  };
  const roles = listClaim(claims, options.roles_jwt_field);
  const objectId = textClaim(claims, options.object_id_jwt_field);
  const objectIs = options.role_mappings?.find(({ role }) => roles.includes(role))?.internal_role;
  const email = text(issuer?.user_email_jwt_field, options.user_email_jwt_field ?? 'email');
  const userId = text(issuer?.user_id_jwt_field, options.user_id_jwt_field);
  const isEmailUnverified = claims['email_verified'] === false || claims['email_verified'] === 'false';
  return {
    userId: userId ?? (objectIs === 'internal_user' ? objectId : undefined),
    email: email?.includes('@') === true && !isEmailUnverified ? email : undefined,
    isEmailUnverified,
    teamId:
      (objectIs === 'team' ? objectId : undefined) ??
      text(issuer?.team_id_jwt_field, options.team_id_jwt_field),
    maybeTeamId:
      options.team_id_jwt_field === undefined && issuer?.team_id_jwt_field === undefined
        ? textClaim(claims, 'client_id')
        : undefined,
    teamIds: list(issuer?.team_ids_jwt_field, options.team_ids_jwt_field),
    teamAlias: textClaim(claims, options.team_alias_jwt_field),
    organizationId: text(issuer?.org_id_jwt_field, options.org_id_jwt_field),
    organizationAlias: textClaim(claims, options.org_alias_jwt_field),
    customerId: text(issuer?.end_user_id_jwt_field, options.end_user_id_jwt_field),
    roles,
    userRoles: listClaim(claims, options.user_roles_jwt_field),
  };
}
