import type { JwtSettings } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import type { Identities } from '#libs/tenancy';
import { refusal } from '../refusal.js';
import { membershipsOf } from '../sign-in/token-callers.js';
import type { TokenFields } from './token-fields.js';

/** A token that names many groups is judged by the first few that are teams here. */
const MOST_TEAMS = 20;

export interface TokenTeams {
  /** In order of preference. */
  readonly ids: readonly string[];
  /** The token names groups and none of them is a team: it may call no model, whatever its user may. */
  readonly isStranded?: boolean;
}

/** Which teams a token may act for, in the contract's order (auth 3.6). Lists keep the order of their claim. */
export class JwtTeams {
  constructor(
    private readonly settings: JwtSettings,
    private readonly identities: Identities,
  ) {}

  /** `rows` learns every name that was looked for. */
  async of(
    fields: TokenFields,
    userId: string | undefined,
    asked: string | undefined,
    rows: string[],
  ): Promise<TokenTeams> {
    for (const id of namedBy(fields)) rows.push(`team:${id}`);
    if (asked !== undefined) return { ids: [await this.#asked(asked, fields, userId, rows)] };
    const single = await this.#single(fields, rows);
    if (single !== undefined) return { ids: [single] };
    const { teamIds } = fields;
    const { team_claim_fallback: fallsBack, fallback_to_db_teams: usesStored } = this.settings.options;
    if (teamIds.length > 0) {
      const present = await this.#present(teamIds);
      if (present.length > 0) return { ids: present };
      if (fallsBack !== true && usesStored !== true) return { ids: [], isStranded: true };
    }
    return { ids: await this.#stored(userId, rows) };
  }

  /** In the order of the claim; missing ones are made where the operator wants that. */
  async #present(teamIds: readonly string[]): Promise<string[]> {
    const present = (await this.identities.teams.find(teamIds)).map(({ id }) => id);
    if (this.settings.options.team_id_upsert !== true) return present.slice(0, MOST_TEAMS);
    const wanted = teamIds.slice(0, MOST_TEAMS);
    for (const id of wanted) if (!present.includes(id)) await this.identities.teams.ensure(id);
    return wanted;
  }

  /** A header chooses among what the token or, as fallback, the database gives; unknown and not a member look alike. */
  async #asked(
    asked: string,
    fields: TokenFields,
    userId: string | undefined,
    rows: string[],
  ): Promise<string> {
    const team =
      (await this.identities.teams.find([asked]))[0] ?? (await this.identities.teams.findByAlias(asked));
    const mine = await this.#mine(fields);
    const stored =
      this.settings.options.fallback_to_db_teams === true && userId !== undefined
        ? await this.identities.teams.idsOf(userId)
        : [];
    if (userId !== undefined) rows.push(`user:${userId}`, membershipsOf(userId));
    if (team && (mine.includes(team.id) || stored.includes(team.id))) return team.id;
    throw new GatewayError(
      'rbac.forbidden',
      `Authentication Error, x-litellm-team-id does not name one of the token's teams: [${mine.join(', ')}].`,
      { param: 'None' },
    );
  }

  /** Ids of the teams that the token itself names, by id or alias. */
  async #mine(fields: TokenFields): Promise<string[]> {
    const byAlias =
      fields.teamAlias === undefined ? null : await this.identities.teams.findByAlias(fields.teamAlias);
    return [...namedBy(fields), ...(byAlias ? [byAlias.id] : [])];
  }

  async #single(fields: TokenFields, rows: string[]): Promise<string | undefined> {
    const { options } = this.settings;
    const { teamId, teamAlias, maybeTeamId } = fields;
    if (teamId !== undefined) {
      const [team] = await this.identities.teams.find([teamId]);
      if (team) return team.id;
      if (options.team_id_upsert === true) return (await this.identities.teams.ensure(teamId)).id;
      if (options.team_claim_fallback === true) return undefined;
      throw new GatewayError(
        'request.not_found',
        `Authentication Error, Team=${teamId} does not exist. Create it with /team/new, or set team_id_upsert.`,
        { type: 'auth_error', param: 'None' },
      );
    }
    if (teamAlias !== undefined) {
      const team = await this.identities.teams.findByAlias(teamAlias);
      if (team) return team.id;
    }
    const fallback = options.team_id_default;
    if (fallback !== undefined) {
      rows.push(`team:${fallback}`);
      const [team] = await this.identities.teams.find([fallback]);
      if (team) return team.id;
    }
    const isRequired = options.team_id_jwt_field !== undefined || options.team_alias_jwt_field !== undefined;
    if (
      isRequired &&
      fields.teamIds.length === 0 &&
      options.team_claim_fallback !== true &&
      options.fallback_to_db_teams !== true
    )
      throw refusal('auth.token_invalid', 'No team found in token.');
    if (maybeTeamId === undefined) return undefined;
    rows.push(`team:${maybeTeamId}`);
    return (await this.identities.teams.find([maybeTeamId]))[0]?.id;
  }

  /** The user's only stored team; all of them where the operator lets the database decide. */
  async #stored(userId: string | undefined, rows: string[]): Promise<readonly string[]> {
    if (userId === undefined) return [];
    rows.push(`user:${userId}`, membershipsOf(userId));
    const ids = await this.identities.teams.idsOf(userId);
    // A team that is deleted takes its memberships with it.
    for (const id of ids) rows.push(`team:${id}`);
    return ids.length === 1 || this.settings.options.fallback_to_db_teams === true ? ids : [];
  }
}

function namedBy({ teamId, teamIds }: TokenFields): string[] {
  return [...new Set([...(teamId === undefined ? [] : [teamId]), ...teamIds])];
}
