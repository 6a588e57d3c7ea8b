import { type Config, isBuiltInRole, type JwtSettings } from '#libs/config';
import type { User } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import type { Identities } from '#libs/tenancy';
import type { CredentialClaims } from '../compile-principal.js';
import { refusal } from '../refusal.js';
import { claimedRole } from '../sign-in/claimed-roles.js';
import { scopeRules } from '../sign-in/scope-rules.js';
import type { Resolution, SignedIn } from '../sign-in/token-callers.js';
import { scopesOf } from './claims.js';
import { globMatches } from './glob.js';
import { JwtTeams } from './jwt-teams.js';
import { type TokenFields, tokenFieldsOf } from './token-fields.js';
import type { VerifiedToken } from './token-verifier.js';

/**
 * What a verified token means here, in the contract's order (auth 3.5): role, scopes, the administrator's shortcut, user, team,
 * synchronisation. Makes users and teams when the operator wants that. A claim that should decide and cannot be read refuses;
 * nothing is guessed.
 */
export class JwtCallers {
  readonly #teams: JwtTeams;

  constructor(
    private readonly settings: JwtSettings,
    private readonly roles: Config['roles'],
    private readonly identities: Identities,
  ) {
    this.#teams = new JwtTeams(settings, identities);
  }

  async resolve({ claims, issuer }: VerifiedToken, askedTeam: string | undefined): Promise<Resolution> {
    const { options, adminScopes, requiresUserOrTeam, scopeMappings } = this.settings;
    const fields = tokenFieldsOf(claims, issuer, options);
    const scopes = scopesOf(claims);
    const isAdmin = adminScopes.some((scope) => scopes.includes(scope));
    const mapped = options.role_mappings?.filter(({ role }) => fields.roles.includes(role)) ?? [];
    if (options.enforce_rbac === true && this.#tokenRole(fields, isAdmin, mapped) === undefined)
      throw forbidden('the token carries no role that this proxy knows.');
    const base: CredentialClaims = {
      credential: 'jwt',
      displayName: fields.userId ?? fields.email ?? fields.teamId ?? 'jwt',
      metadata: { scopes },
    };
    if (isAdmin) return this.#administrator(fields, askedTeam, base);
    const narrowed = scopeRules(scopeMappings, scopes);
    // A mapping means the role it names, also before it is made and after it is deleted: then it gives no rights.
    const byMapping = mapped.find((one) => !isBuiltInRole(one.internal_role))?.internal_role;
    const byScope = await claimedRole(this.roles, this.identities, byMapping === undefined ? scopes : []);
    const ownRole = byMapping ?? byScope.role;
    this.#assertDomain(fields);
    this.#assertUserRole(fields);
    const rows: string[] = [...byScope.rows];
    const user = await this.#userOf(fields, rows);
    const organizationId = await this.#organizationOf(fields);
    const teams = await this.#teams.of(fields, user?.id, askedTeam, rows);
    if (user) await this.#sync(fields, user, teams.ids);
    if (requiresUserOrTeam && user === undefined && teams.ids.length === 0)
      throw forbidden('the token names neither a user nor a team.');
    if (options.enforce_team_based_model_access === true && teams.ids.length === 0)
      throw forbidden('the token names no team, and models belong to teams here.');
    const callerIn = (teamId: string | null): SignedIn => ({
      ids: { userId: user?.id ?? null, teamId, organizationId, customerId: fields.customerId ?? null },
      claims: {
        ...base,
        ...narrowed,
        displayName: user?.id ?? teamId ?? base.displayName,
        ...(teams.isStranded === true ? { models: [] } : {}),
        ...roleIn(teamId, user, ownRole),
        ...this.#routesIn(teamId, user, narrowed.routes),
      },
    });
    const [first = null, ...others] = teams.ids;
    return { callers: [callerIn(first), ...others.map(callerIn)], rows };
  }

  /** The scope makes the administrator, for the administrators' routes; a stored row can only add who it is, or a block. */
  async #administrator(
    fields: TokenFields,
    askedTeam: string | undefined,
    base: CredentialClaims,
  ): Promise<Resolution> {
    const user = await this.identities.findUser(fields.userId, fields.email);
    const userId = user?.id ?? fields.userId ?? null;
    const team = askedTeam === undefined ? undefined : (await this.identities.teams.find([askedTeam]))[0];
    return {
      callers: [
        {
          ids: { userId, teamId: team?.id ?? null },
          claims: { ...base, role: 'proxy_admin', routes: [this.settings.adminRoutes] },
        },
      ],
      rows: [`user:${userId ?? ''}`],
    };
  }

  /** A team's routes, whichever way the team was found. Proxy administrators are not a team's. */
  #routesIn(
    teamId: string | null,
    user: User | undefined,
    narrowed: CredentialClaims['routes'] = [],
  ): Pick<CredentialClaims, 'routes'> {
    if (teamId === null || user?.role === 'proxy_admin') return {};
    return { routes: [...narrowed, this.settings.teamRoutes] };
  }

  #tokenRole(
    fields: TokenFields,
    isAdmin: boolean,
    mapped: readonly { readonly internal_role: string }[],
  ): string | undefined {
    if (isAdmin) return 'proxy_admin';
    if (fields.teamId !== undefined || this.settings.options.team_id_default !== undefined) return 'team';
    if (fields.userId !== undefined || fields.userRoles.length > 0) return 'internal_user';
    return mapped[0]?.internal_role;
  }

  /** Domains are compared whole and without case: `example.com.evil.org` and `evil-example.com` are others. */
  #assertDomain({ email, isEmailUnverified }: TokenFields): void {
    const { allowedEmailDomain } = this.settings;
    if (allowedEmailDomain === undefined) return;
    const at = email?.lastIndexOf('@') ?? -1;
    if (email !== undefined && at > 0 && email.slice(at + 1).toLowerCase() === allowedEmailDomain) return;
    const why = isEmailUnverified
      ? 'the e-mail address of this token is not verified by its issuer (email_verified).'
      : 'the e-mail address of this token is not of an allowed domain.';
    throw new GatewayError('rbac.forbidden', `Authentication Error, ${why}`, { param: 'user_email' });
  }

  #assertUserRole({ userRoles }: TokenFields): void {
    const { user_allowed_roles: allowed } = this.settings.options;
    if (allowed === undefined || userRoles.some((role) => allowed.includes(role))) return;
    throw forbidden('the token carries none of the roles that may use this proxy.');
  }

  /** The stored user's id counts, not the claim: a person may have signed in before under an e-mail address. */
  async #userOf({ userId, email }: TokenFields, rows: string[]): Promise<User | undefined> {
    if (userId === undefined && email === undefined) return undefined;
    const found = await this.identities.findUser(userId, email);
    if (userId !== undefined) rows.push(`user:${userId}`);
    if (found) {
      rows.push(`user:${found.id}`);
      return this.identities.completeUser(found, userId, email);
    }
    if (this.settings.options.user_id_upsert === true) {
      const made = await this.identities.ensureUser(userId ?? email, email);
      rows.push(`user:${made.id}`);
      return made;
    }
    // An address that nobody asked for need not be known here.
    if (userId === undefined && this.settings.options.user_email_jwt_field === undefined) return undefined;
    throw refusal(
      'auth.credential_unknown',
      `User doesn't exist in db. 'user_id'=${userId ?? email}. Create it with /user/new, or set user_id_upsert.`,
    );
  }

  /** An alias that leads to no organization, or to more than one, is no guess's business. */
  async #organizationOf({ organizationId, organizationAlias }: TokenFields): Promise<string | null> {
    if (organizationId !== undefined) return organizationId;
    if (organizationAlias === undefined) return null;
    const found = await this.identities.findOrganizationByAlias(organizationAlias);
    if (found) return found.id;
    throw refusal('auth.token_invalid', `Organization=${organizationAlias} does not exist.`);
  }

  /** With synchronisation on, role and teams become what the token says; else who comes for one team becomes its member. */
  async #sync(fields: TokenFields, user: User, teamIds: readonly string[]): Promise<void> {
    const { options } = this.settings;
    const [only] = teamIds;
    const { sync_user_role_and_teams: isOn, jwt_litellm_role_map: map = [] } = options;
    if (isOn === true) {
      const role = map.find(({ jwt_role: pattern }) =>
        fields.roles.some((one) => globMatches(pattern, one)),
      )?.litellm_role;
      if (role !== undefined) await this.identities.setRole(user, role);
      const wanted = syncedTeams(fields, options);
      if (wanted !== undefined) await this.identities.teams.sync(user.id, wanted);
    }
    if (only !== undefined && teamIds.length === 1) await this.identities.teams.join(only, user.id);
  }
}

/** A token that speaks for a team alone may do what teams may; a user's rights are in the stored row. */
function roleIn(
  teamId: string | null,
  user: User | undefined,
  ownRole: string | undefined,
): Pick<CredentialClaims, 'role'> {
  if (ownRole !== undefined) return { role: ownRole };
  return user === undefined && teamId !== null ? { role: 'team' } : {};
}

/** The teams that a user shall be in; undefined when the token does not say. */
function syncedTeams(
  { teamId, teamIds }: TokenFields,
  options: JwtSettings['options'],
): string[] | undefined {
  if (options.fallback_to_db_teams === true) {
    const named = [...new Set([...(teamId === undefined ? [] : [teamId]), ...teamIds])];
    return named.length === 0 ? undefined : named;
  }
  return options.team_ids_jwt_field === undefined ? undefined : [...teamIds];
}

function forbidden(why: string): GatewayError {
  return new GatewayError('rbac.forbidden', `Authentication Error, ${why}`, { param: 'None' });
}
