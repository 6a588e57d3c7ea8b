import type { JwtSettings } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import type { Identities } from '#libs/tenancy';
import type { CredentialClaims } from '../compile-principal.js';
import { refusal } from '../refusal.js';
import type { Resolution, SignedIn } from '../sign-in/token-callers.js';
import { scopesOf } from './claims.js';
import { globMatches } from './glob.js';
import { JwtTeams } from './jwt-teams.js';
import { type TokenFields, tokenFieldsOf } from './token-fields.js';
import type { VerifiedToken } from './token-verifier.js';

/** A token that names many groups is judged by the first few that are teams here. */
const MOST_TEAMS = 20;

type TokenRole = 'proxy_admin' | 'team' | 'internal_user';

/**
 * What a verified token means here, in the contract's order (auth 3.5): role, scopes, the administrator's shortcut, user, team,
 * synchronisation. Makes users and teams when the operator wants that. A claim that should decide and cannot be read refuses;
 * nothing is guessed.
 */
export class JwtCallers {
  readonly #teams: JwtTeams;

  constructor(
    private readonly settings: JwtSettings,
    private readonly identities: Identities,
  ) {
    this.#teams = new JwtTeams(settings, identities);
  }

  async resolve({ claims, issuer }: VerifiedToken, askedTeam: string | undefined): Promise<Resolution> {
    const { options, adminScopes, adminRoutes, requiresUserOrTeam } = this.settings;
    const fields = tokenFieldsOf(claims, issuer, options);
    const scopes = scopesOf(claims);
    const isAdmin = adminScopes.some((scope) => scopes.includes(scope));
    const role = this.#roleOf(fields, isAdmin);
    if (options.enforce_rbac === true && role === undefined)
      throw forbidden('the token carries no role that this proxy knows.');
    const base: CredentialClaims = {
      credential: 'jwt',
      displayName: fields.userId ?? fields.email ?? fields.teamId ?? 'jwt',
      metadata: { scopes },
      ...this.#scopeRules(scopes, isAdmin),
    };
    const rows: string[] = [];
    if (isAdmin) {
      const user = await this.identities.findUser(fields.userId, fields.email);
      const userId = user?.id ?? fields.userId ?? null;
      const team = askedTeam === undefined ? undefined : (await this.identities.findTeams([askedTeam]))[0];
      return {
        callers: [
          {
            ids: { userId, teamId: team?.id ?? null },
            claims: { ...base, role: 'proxy_admin', routes: adminRoutes },
          },
        ],
        rows: [`user:${userId ?? ''}`],
      };
    }
    this.#assertDomain(fields.email);
    this.#assertUserRole(fields);
    const userId = await this.#userOf(fields, rows);
    const teams = await this.#teams.of(fields, userId, askedTeam, rows);
    if (userId !== undefined) await this.#sync(fields, userId, teams.named);
    if (requiresUserOrTeam && userId === undefined && teams.ids.length === 0)
      throw forbidden('the token names neither a user nor a team.');
    if (options.enforce_team_based_model_access === true && teams.ids.length === 0)
      throw forbidden('the token names no team, and models belong to teams here.');
    const callers = (teams.ids.length === 0 ? [null] : teams.ids.slice(0, MOST_TEAMS)).map(
      (teamId): SignedIn => ({
        ids: {
          userId: userId ?? null,
          teamId,
          organizationId: fields.organizationId ?? null,
          customerId: fields.customerId ?? null,
        },
        claims: {
          ...base,
          displayName: userId ?? teamId ?? base.displayName,
          // A token that speaks for a team alone may do what teams may; a user's rights are in the stored row.
          ...(userId === undefined && teamId !== null ? { role: 'team' } : {}),
          ...(base.routes === undefined && teamId !== null && userId === undefined
            ? { routes: this.settings.teamRoutes }
            : {}),
        },
      }),
    );
    const [first, ...others] = callers;
    if (first === undefined) throw forbidden('the token names nobody.');
    return { callers: [first, ...others], rows };
  }

  #roleOf(fields: TokenFields, isAdmin: boolean): TokenRole | undefined {
    if (isAdmin) return 'proxy_admin';
    if (fields.teamId !== undefined || this.settings.options.team_id_default !== undefined) return 'team';
    if (fields.userId !== undefined || fields.userRoles.length > 0) return 'internal_user';
    const mapped = this.settings.options.role_mappings?.find(({ role }) => fields.roles.includes(role));
    return mapped?.internal_role as TokenRole | undefined;
  }

  /** Scopes that are mapped narrow the token to their models and routes; with the rule on, a token without any may call nothing. */
  #scopeRules(scopes: readonly string[], isAdmin: boolean): Pick<CredentialClaims, 'models' | 'routes'> {
    const { scope_mappings: mappings, enforce_scope_based_access: isOn } = this.settings.options;
    if (isOn !== true || mappings === undefined || isAdmin) return {};
    const matching = mappings.filter(({ scope }) => scopes.includes(scope));
    const routes = matching.flatMap((one) => one.routes ?? []);
    return {
      models: [...new Set(matching.flatMap((one) => one.models ?? []))],
      ...(routes.length === 0 ? {} : { routes }),
    };
  }

  /** Domains are compared whole and without case: `example.com.evil.org` and `evil-example.com` are others. */
  #assertDomain(email: string | undefined): void {
    const { allowedEmailDomain } = this.settings;
    if (allowedEmailDomain === undefined) return;
    const at = email?.lastIndexOf('@') ?? -1;
    if (email !== undefined && at > 0 && email.slice(at + 1).toLowerCase() === allowedEmailDomain) return;
    throw new GatewayError(
      'rbac.forbidden',
      'Authentication Error, the e-mail address of this token is not of an allowed domain.',
      {
        param: 'user_email',
      },
    );
  }

  #assertUserRole({ userRoles }: TokenFields): void {
    const { user_allowed_roles: allowed } = this.settings.options;
    if (allowed === undefined || userRoles.some((role) => allowed.includes(role))) return;
    throw forbidden('the token carries none of the roles that may use this proxy.');
  }

  /** The stored user's id counts, not the claim: a person may have signed in before under an e-mail address. */
  async #userOf({ userId, email }: TokenFields, rows: string[]): Promise<string | undefined> {
    if (userId === undefined && email === undefined) return undefined;
    const found = await this.identities.findUser(userId, email);
    if (userId !== undefined) rows.push(`user:${userId}`);
    if (found) {
      rows.push(`user:${found.id}`);
      return found.id;
    }
    if (this.settings.options.user_id_upsert === true) {
      const made = await this.identities.ensureUser(userId ?? email, email);
      rows.push(`user:${made.id}`);
      return made.id;
    }
    // An address that nobody asked for need not be known here.
    if (userId === undefined && this.settings.options.user_email_jwt_field === undefined) return undefined;
    throw refusal(
      'auth.credential_unknown',
      `User doesn't exist in db. 'user_id'=${userId ?? email}. Create it with /user/new, or set user_id_upsert.`,
    );
  }

  async #sync(fields: TokenFields, userId: string, named: readonly string[] | undefined): Promise<void> {
    const { sync_user_role_and_teams: isOn, jwt_litellm_role_map: map = [] } = this.settings.options;
    if (isOn !== true) return;
    const role = map.find(({ jwt_role: pattern }) =>
      fields.roles.some((one) => globMatches(pattern, one)),
    )?.litellm_role;
    const user = await this.identities.findUser(userId, undefined);
    if (user && role !== undefined) await this.identities.setRole(user, role);
    if (named !== undefined) await this.identities.syncTeams(userId, named);
  }
}

function forbidden(why: string): GatewayError {
  return new GatewayError('rbac.forbidden', `Authentication Error, ${why}`, { param: 'None' });
}
