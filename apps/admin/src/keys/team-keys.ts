import { Injectable } from '@nestjs/common';
import { readAs, Team, VirtualKey } from '#libs/database';
import { Clock, GatewayError, type Principal } from '#libs/kernel';
import { capacityInTeam, isPermittedInTeam, notYours, seesEverything, standingOf } from '#libs/tenancy';
import { DataSource, In, IsNull, MoreThan } from 'typeorm';

/** As many as one call may change. */
export const MOST_TEAM_KEYS = 500;

/** The keys of a team, for whoever manages it. */
@Injectable()
export class TeamKeys {
  constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Throws 400 to administrators where there is no such team; whoever else asks learns it from what refuses him. */
  async assertTeamFor(caller: Principal, teamId: string): Promise<void> {
    if (!seesEverything(caller)) return;
    const isThere = await readAs(this.database, caller, (manager) => manager.existsBy(Team, { id: teamId }));
    if (isThere) return;
    const message = `There is no team ${teamId}.`;
    throw new GatewayError('request.bad_field', message, { param: 'team_id', detail: { error: message } });
  }

  /**
   * Hashes of the team's keys: those of `hashes`, or all that are neither blocked nor expired. Throws 403 to whoever does not
   * manage the team, there or not, and 400 for more than `MOST_TEAM_KEYS`.
   */
  async hashesOf(
    caller: Principal,
    teamId: string,
    hashes: readonly string[] | 'all',
  ): Promise<ReadonlySet<string>> {
    const found = await readAs(this.database, caller, async (manager) => {
      const standing = await standingOf(manager, caller);
      const team = await manager.findOneBy(Team, { id: teamId });
      const isOpen =
        team !== null &&
        (capacityInTeam(standing, team) !== undefined ||
          isPermittedInTeam(standing, teamId, '/team/key/bulk_update'));
      if (!isOpen) throw notYours('team', 'team_id');
      const now = new Date(this.clock.nowMs());
      const live = { teamId, blocked: false };
      return manager.find(VirtualKey, {
        select: { id: true, tokenHash: true },
        where:
          hashes === 'all'
            ? [
                { ...live, expiresAt: IsNull() },
                { ...live, expiresAt: MoreThan(now) },
              ]
            : { teamId, tokenHash: In([...hashes]) },
        take: MOST_TEAM_KEYS + 1,
      });
    });
    if (found.length > MOST_TEAM_KEYS)
      throw new GatewayError(
        'request.bad_field',
        `The team has more than ${MOST_TEAM_KEYS} keys; name them in parts.`,
        { param: 'all_keys_in_team' },
      );
    return new Set(found.map(({ tokenHash }) => tokenHash));
  }
}
