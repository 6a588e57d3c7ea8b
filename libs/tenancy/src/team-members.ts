import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { lockRow, Team, TeamMember, writeRow } from '#libs/database';
import { Clock, GatewayError, type NanoUsd, type Scope } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { makerOf } from './authority.js';
import { assertFits } from './authority/fits.js';
import { notYours } from './authority/refusals.js';
import { capacityInTeam, standingOf } from './authority/standing.js';
import { type GovernedChange, governedColumns } from './governed-settings.js';
import { deleteKeysOf } from './key-cascade.js';
import { addMembers, findUser, type MemberDraft, membersOf, type PersonNamed } from './membership.js';
import { lockTeam, type TeamView } from './teams.js';
import { badReset, SpendSetter } from './spend-setter.js';
import { type Author, type Transaction, Transactions } from './transactions.js';

/** What a membership grants; an absent member is left as it is. */
export type MemberChange = GovernedChange & {
  readonly role?: 'admin' | 'user' | undefined;
  readonly allowedModels?: readonly string[] | undefined;
};

/** A team after people were added to it, and who was. */
export interface Joined extends TeamView {
  readonly joined: readonly TeamMember[];
}

/** Who is in which team, and with how much. */
@Injectable()
export class TeamMembers {
  constructor(
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly config: Config,
    private readonly spend: SpendSetter,
  ) {}

  /** Makes people members, those who do not exist too, all or none. Throws 400 when one is a member already. */
  async add(
    author: Author,
    teamId: string,
    drafts: readonly MemberDraft[],
    change: MemberChange,
  ): Promise<Joined> {
    const joins = this.#joinsByItself(author, teamId, drafts, change);
    const work = async (transaction: Transaction): Promise<Joined> => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const team = await lockTeam(manager, standing, teamId);
      if (capacityInTeam(standing, team) === undefined && !joins) throw notYours('team', 'team_id');
      assertModels(team, change);
      for (const draft of drafts) await refuseMember(manager, team, draft);
      const ids = await addMembers(transaction, this.config, standing, team, drafts);
      const joined: TeamMember[] = [];
      for (const userId of new Set(ids)) {
        const row = await this.#change(transaction, team, userId, { ...change, role: undefined });
        await transaction.record('created', 'team_member', `${teamId}:${userId}`, {
          before: null,
          after: row,
        });
        joined.push(row);
      }
      return { team, members: await membersOf(manager, [teamId]), joined };
    };
    // Who joins an open team does not see it yet.
    return this.transactions.run(author, work, joins ? { system: 'open-team' } : author.principal);
  }

  /** Changes a membership. Throws 400 when there is none. */
  async update(
    author: Author,
    teamId: string,
    named: PersonNamed,
    change: MemberChange,
  ): Promise<{ team: Team; before: TeamMember; member: TeamMember; email: string | null }> {
    return this.transactions.run(author, async (transaction) => {
      const { team, member: before, email } = await this.#locked(transaction, author, teamId, named);
      assertModels(team, change);
      const member = await this.#change(transaction, team, before.userId, change);
      await transaction.record('updated', 'team_member', `${teamId}:${before.userId}`, {
        before,
        after: member,
      });
      return { team, before, member, email };
    });
  }

  /** Takes somebody out of the team, and deletes its keys there. Throws 400 when it is not in the team. */
  async remove(author: Author, teamId: string, named: PersonNamed): Promise<TeamView> {
    return this.transactions.run(author, async (transaction) => {
      const { team, member } = await this.#locked(transaction, author, teamId, named);
      await removeMember(transaction, member, makerOf(author.principal));
      return { team, members: await membersOf(transaction.manager, [teamId]) };
    });
  }

  /** Sets what a member has spent in its current period. Throws 400 for more than it has spent, or may. */
  async resetSpend(
    author: Author,
    teamId: string,
    userId: string,
    to: NanoUsd,
  ): Promise<{ readonly previousNanoUsd: NanoUsd; readonly capNanoUsd: NanoUsd | null }> {
    const scope: Scope = { type: 'team_member', id: `${teamId}:${userId}` };
    await this.spend.prepare();
    const set = await this.transactions.run(author, async (transaction) => {
      const { team, member } = await this.#locked(transaction, author, teamId, { userId });
      const capNanoUsd = member.maxBudgetNano ?? team.memberMaxBudgetNano;
      const budget = {
        maxBudgetNano: capNanoUsd,
        budgetDuration: member.maxBudgetNano === null ? team.memberBudgetDuration : member.budgetDuration,
        budgetAnchorAt: member.budgetAnchorAt,
        budgetWindows: member.budgetWindows,
        createdAt: member.createdAt,
      };
      if (capNanoUsd !== null && to > capNanoUsd) throw badReset("is more than the member's budget");
      const by = makerOf(author.principal);
      const previousNanoUsd = await this.spend.set(transaction.manager, { scope, budget }, to, by);
      if (to > previousNanoUsd) throw badReset('is more than the member has spent');
      await transaction.announce('spend', `${scope.type}:${scope.id}`);
      await transaction.note('updated', 'team_member', scope.id, {
        before: { spentNanoUsd: previousNanoUsd },
        after: { spentNanoUsd: to },
      });
      return { previousNanoUsd, capNanoUsd };
    });
    await this.spend.followed(scope);
    return set;
  }

  /** A team that is open to everybody is joined as an ordinary member, by oneself, with what the team gives. */
  #joinsByItself(
    { principal }: Author,
    teamId: string,
    drafts: readonly MemberDraft[],
    change: MemberChange,
  ): boolean {
    const [draft] = drafts;
    const isOpen = this.config.people.teamsToJoin.includes(teamId);
    if (!isOpen || principal.role !== 'internal_user' || principal.user === undefined) return false;
    const asksForMore = Object.values(change).some((value) => value !== undefined);
    const isSelf = draft?.userId === principal.user.id && draft.role === 'user';
    return drafts.length === 1 && isSelf && !asksForMore;
  }

  async #change(
    { manager }: Transaction,
    { id: teamId }: Team,
    userId: string,
    { role, allowedModels, ...governed }: MemberChange,
  ): Promise<TeamMember> {
    const current = await manager.findOneByOrFail(TeamMember, { teamId, userId });
    const now = new Date(this.clock.nowMs());
    return writeRow(
      manager,
      TeamMember,
      { teamId, userId },
      {
        ...governedColumns(governed, current, now.getTime()),
        ...(role === undefined ? {} : { role }),
        ...(allowedModels === undefined ? {} : { allowedModels: [...allowedModels] }),
        updatedAt: now,
      },
    );
  }

  async #locked(
    { manager }: Transaction,
    author: Author,
    teamId: string,
    named: PersonNamed,
  ): Promise<{ team: Team; member: TeamMember; email: string | null }> {
    const standing = await standingOf(manager, author.principal);
    const team = await lockTeam(manager, standing, teamId);
    if (capacityInTeam(standing, team) === undefined) throw notYours('team', 'team_id');
    const user = await findUser(manager, named);
    const member = user === null ? null : await lockRow(manager, TeamMember, { teamId, userId: user.id });
    if (member === null) throw notInTeam();
    return { team, member, email: user?.email ?? null };
  }
}

/** Takes somebody out of a locked team inside a change that somebody else began and judged; the member's keys there are deleted. */
export async function removeMember(transaction: Transaction, member: TeamMember, by: string): Promise<void> {
  const { teamId, userId } = member;
  await deleteKeysOf(transaction, { teamId, userId }, by);
  await transaction.manager.delete(TeamMember, { teamId, userId });
  await transaction.record('deleted', 'team_member', `${teamId}:${userId}`, { before: member, after: null });
}

function assertModels(team: Team, { allowedModels }: MemberChange): void {
  if (allowedModels !== undefined) assertFits({ models: allowedModels }, team, 'team');
}

async function refuseMember(manager: EntityManager, team: Team, draft: MemberDraft): Promise<void> {
  const user = await findUser(manager, draft);
  if (user === null || !(await manager.existsBy(TeamMember, { teamId: team.id, userId: user.id }))) return;
  throw new GatewayError(
    'request.already_member',
    `User ${draft.userId ?? draft.email ?? ''} is already in the team.`,
    {
      param: 'member',
    },
  );
}

function notInTeam(): GatewayError {
  const message = 'User not found in team.';
  return new GatewayError('request.bad_field', message, { param: 'user_id', detail: { error: message } });
}
