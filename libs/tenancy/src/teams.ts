import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { insertRow, lockRow, Organization, Team, writeRow } from '#libs/database';
import { Clock, GatewayError, newId } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { makerOf } from './authority.js';
import { judgeNewTeam, judgeTeamChange } from './authority/people-judgement.js';
import { notYours } from './authority/refusals.js';
import { capacityInTeam, type Standing, standingOf } from './authority/standing.js';
import { assignGroups, releaseGroups } from './group-assignments.js';
import { deleteKeysOf } from './key-cascade.js';
import { addMembers, type MemberDraft, membersOf, type Membership } from './membership.js';
import { type TeamChange, teamColumns } from './team-settings.js';
import { type Author, type Transaction, Transactions } from './transactions.js';
import { orTaken } from './unique.js';

/** A team to be made, together with its first members. */
export interface NewTeam {
  /** Absent: one is made. */
  readonly id?: string | undefined;
  readonly settings: TeamChange;
  readonly members: readonly MemberDraft[];
}

/** A team with everybody in it. */
export interface TeamView {
  readonly team: Team;
  readonly members: readonly Membership[];
}

/** People who share models, limits and a budget. Who may change what is judged on rows that are locked. */
@Injectable()
export class Teams {
  constructor(
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /**
   * Makes a team, its members and what `also` adds, all or none. Its maker becomes its administrator. Throws 400 when the id is
   * taken.
   */
  async create(
    author: Author,
    draft: NewTeam,
    also?: (transaction: Transaction, team: Team) => Promise<void>,
  ): Promise<TeamView> {
    const nowMs = this.clock.nowMs();
    const id = draft.id ?? newId('team', nowMs);
    const settings = this.#withDefaults(draft.settings);
    return orTaken(
      'teams_pkey',
      (cause) => {
        const message = `Team id = ${id} already exists. Please use a different team id.`;
        return new GatewayError('request.bad_field', message, { param: 'team_id', cause });
      },
      () =>
        this.transactions.run(author, async (transaction) => {
          const { manager } = transaction;
          const standing = await standingOf(manager, author.principal);
          const columns = { id, ...teamColumns(settings, undefined, nowMs) };
          judgeNewTeam(
            standing,
            columns,
            await this.#organization(manager, standing, columns.organizationId),
          );
          assertSoft(columns);
          const at = new Date(nowMs);
          const team = await insertRow(manager, Team, { ...columns, createdAt: at, updatedAt: at });
          await addMembers(transaction, this.config, standing, team, this.#members(author, draft));
          const members = await membersOf(manager, [id]);
          await transaction.record('created', 'team', id, { before: null, after: { ...team, members } });
          await assignGroups(transaction, author, { type: 'team', id }, settings.accessGroupIds);
          await also?.(transaction, team);
          return { team, members };
        }),
    );
  }

  /** Changes what `settings` names and nothing else. Throws 404 to administrators when there is no such team, 403 to everybody else. */
  async update(
    author: Author,
    teamId: string,
    settings: TeamChange | ((team: Team) => TeamChange),
  ): Promise<TeamView> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const before = await lockTeam(manager, standing, teamId);
      const change = typeof settings === 'function' ? settings(before) : settings;
      const now = new Date(this.clock.nowMs());
      const columns = teamColumns(change, before, now.getTime());
      const wanted = Object.assign(new Team(), before, columns);
      const organization = await this.#organization(manager, standing, wanted.organizationId);
      judgeTeamChange(standing, before, wanted, organization, {
        editableFields: this.config.keys.teamAdminEditableFields,
      });
      assertSoft(wanted);
      const team = await write(manager, teamId, { ...columns, updatedAt: now });
      await transaction.record('updated', 'team', teamId, { before, after: team });
      await assignGroups(transaction, author, { type: 'team', id: teamId }, change.accessGroupIds);
      return { team, members: await membersOf(manager, [teamId]) };
    });
  }

  /** What members who do not administer the team may do: its administrators' to decide. */
  async setMemberPermissions(
    author: Author,
    teamId: string,
    permissions: readonly string[],
  ): Promise<TeamView> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const before = await lockTeam(manager, standing, teamId);
      if (capacityInTeam(standing, before) === undefined) throw notYours('team', 'team_id');
      const updatedAt = new Date(this.clock.nowMs());
      const team = await write(manager, teamId, { memberPermissions: [...permissions], updatedAt });
      await transaction.record('updated', 'team', teamId, { before, after: team });
      return { team, members: await membersOf(manager, [teamId]) };
    });
  }

  /** Adds permissions to these teams, or to all. Returns how many changed. For proxy administrators. */
  async grantToMembers(
    author: Author,
    permissions: readonly string[],
    teamIds: readonly string[] | 'all',
  ): Promise<number> {
    return this.transactions.run(author, async (transaction) => {
      const changed: { id: string }[] = await transaction.manager.query(
        `WITH changed AS (
           UPDATE teams SET updated_at = $2, member_permissions = (
             SELECT array_agg(DISTINCT p) FROM unnest(coalesce(member_permissions, '{}') || $1::text[]) p)
            WHERE NOT coalesce(member_permissions, '{}') @> $1::text[] ${teamIds === 'all' ? '' : 'AND id = ANY($3)'}
            RETURNING id)
         SELECT id FROM changed ORDER BY id`,
        [permissions, new Date(this.clock.nowMs()), ...(teamIds === 'all' ? [] : [teamIds])],
      );
      for (const { id } of changed)
        await transaction.record('updated', 'team', id, { before: null, after: { granted: permissions } });
      return changed.length;
    });
  }

  /**
   * Blocks or unblocks; a team that already is what was asked for is answered as it is. A team's own administrator blocks
   * it, and needs somebody above to lift it: it may be somebody above who blocked it.
   */
  async setBlocked(author: Author, teamId: string, blocked: boolean): Promise<TeamView> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const before = await lockTeam(manager, standing, teamId);
      const capacity = capacityInTeam(standing, before);
      if (capacity === undefined || (capacity === 'team_admin' && !blocked))
        throw notYours('team', 'team_id');
      const members = await membersOf(manager, [teamId]);
      if (before.blocked === blocked) return { team: before, members };
      const team = await write(manager, teamId, { blocked, updatedAt: new Date(this.clock.nowMs()) });
      await transaction.record(blocked ? 'blocked' : 'unblocked', 'team', teamId, { before, after: team });
      return { team, members };
    });
  }

  /** Deletes the teams with their keys, projects and memberships, all or none of them; teams and keys are kept in the archives. */
  async delete(author: Author, teamIds: readonly string[]): Promise<void> {
    await this.transactions.run(author, async (transaction) => {
      const standing = await standingOf(transaction.manager, author.principal);
      for (const teamId of [...new Set(teamIds)].toSorted()) {
        const team = await lockTeam(transaction.manager, standing, teamId);
        if (capacityInTeam(standing, team) === undefined) throw notYours('team', 'team_ids');
        await this.remove(transaction, team, makerOf(author.principal));
      }
    });
  }

  /** Deletes a locked team inside a change that somebody else began and judged. */
  async remove(transaction: Transaction, team: Team, by: string): Promise<void> {
    const { manager } = transaction;
    await deleteKeysOf(transaction, { teamId: team.id }, by);
    await manager.query(
      `INSERT INTO archived_teams (id, organization_id, "row", deleted_by)
       SELECT t.id, t.organization_id, to_jsonb(t) || jsonb_build_object('max_budget_nano', t.max_budget_nano::text,
              'soft_budget_nano', t.soft_budget_nano::text, 'member_max_budget_nano', t.member_max_budget_nano::text), $2
         FROM teams t WHERE t.id = $1`,
      [team.id, by],
    );
    await releaseGroups(transaction, { type: 'team', id: team.id }, by);
    await manager.delete(Team, { id: team.id });
    await transaction.record('deleted', 'team', team.id, { before: team, after: null });
  }

  #withDefaults(settings: TeamChange): TeamChange {
    const { organizationId, models, capNanoUsd, budgetDuration, ...limits } = this.config.people.newTeam;
    const { tokensPerMinute, requestsPerMinute, memberPermissions } = limits;
    return {
      ...settings,
      // Null is a team's own word: it belongs to no organization.
      organizationId: settings.organizationId === undefined ? organizationId : settings.organizationId,
      models: settings.models ?? models,
      capNanoUsd: settings.capNanoUsd ?? capNanoUsd,
      budgetDuration: settings.budgetDuration ?? budgetDuration,
      tokensPerMinute: settings.tokensPerMinute ?? tokensPerMinute,
      requestsPerMinute: settings.requestsPerMinute ?? requestsPerMinute,
      memberPermissions: settings.memberPermissions ?? memberPermissions,
    };
  }

  #members({ principal }: Author, { members }: NewTeam): readonly MemberDraft[] {
    const isAdded = principal.role !== 'proxy_admin' || this.config.people.addsCreatingAdmin;
    return principal.user && isAdded ? [...members, { userId: principal.user.id, role: 'admin' }] : members;
  }

  /** The organization, kept from being deleted until this commits. Missing: 400 to administrators, and nothing that others could tell from "not yours". */
  async #organization(
    manager: EntityManager,
    standing: Standing,
    id: string | null | undefined,
  ): Promise<Organization | null> {
    if (id === null || id === undefined) return null;
    const found = await manager.findOne(Organization, { where: { id }, lock: { mode: 'pessimistic_read' } });
    if (found === null && standing.role === 'proxy_admin')
      throw new GatewayError('request.bad_field', `Organization '${id}' does not exist.`, {
        param: 'organization_id',
      });
    return found;
  }
}

/** The team, locked. Throws 404 to those who may know that it is not there, and "not yours" to everybody else. */
export async function lockTeam(manager: EntityManager, standing: Standing, id: string): Promise<Team> {
  const team = await lockRow(manager, Team, { id });
  if (team !== null) return team;
  throw standing.role === 'proxy_admin' ? teamNotFound(id) : notYours('team', 'team_id');
}

async function write(manager: EntityManager, id: string, columns: Partial<Team>): Promise<Team> {
  return writeRow(manager, Team, { id }, columns);
}

function assertSoft({ maxBudgetNano, softBudgetNano }: Partial<Team>): void {
  if (typeof maxBudgetNano !== 'bigint' || typeof softBudgetNano !== 'bigint') return;
  if (softBudgetNano < maxBudgetNano) return;
  throw new GatewayError('request.bad_field', 'soft_budget must be strictly lower than max_budget.', {
    param: 'soft_budget',
  });
}

export function teamNotFound(teamId: string): GatewayError {
  const message = `Team not found, passed team id: ${teamId}.`;
  return new GatewayError('request.not_found', message, { param: 'team_id', detail: { error: message } });
}
