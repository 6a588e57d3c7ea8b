import { Injectable } from '@nestjs/common';
import { readAs, Team, VirtualKey } from '#libs/database';
import { Clock, GatewayError, type NanoUsd, newId, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager } from 'typeorm';
import { assertAdministers, seesEverything } from './authority.js';
import { budgetColumns } from './key-settings.js';
import { addMembers, type MemberDraft, membersOf, type Membership } from './membership.js';
import { type Author, Transactions } from './transactions.js';
import { violatedIndex } from './unique.js';

export interface NewTeam {
  /** Absent: one is made. */
  readonly id?: string | undefined;
  readonly alias: string | null;
  readonly models: readonly string[];
  readonly modelAliases: Readonly<Record<string, string>>;
  readonly capNanoUsd: NanoUsd | null;
  readonly budgetDuration: string | null;
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly parallelRequests: number | null;
  readonly blocked: boolean;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly members: readonly MemberDraft[];
}

export interface TeamView {
  readonly team: Team;
  readonly members: readonly Membership[];
  /** Not expired, the newest first. */
  readonly keys: readonly VirtualKey[];
}

/** Keys of one team shown without paging. */
const MOST_KEYS = 10_000;

/** People who share models, limits and a budget. */
@Injectable()
export class Teams {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
  ) {}

  /** Makes a team and its members, all or none. A maker who is a known user becomes its administrator. Throws 400 when the id is taken. */
  async create(author: Author, draft: NewTeam): Promise<TeamView> {
    assertAdministers(author.principal);
    const nowMs = this.clock.nowMs();
    const id = draft.id ?? newId('team', nowMs);
    const maker = author.principal.user;
    const members = maker ? [...draft.members, { userId: maker.id, role: 'admin' as const }] : draft.members;
    try {
      return await this.transactions.run(author, async (transaction) => {
        const { manager } = transaction;
        await manager.insert(Team, this.#columnsOf(id, draft, nowMs) as never);
        await addMembers(manager, id, members);
        const team = await manager.findOneByOrFail(Team, { id });
        const joined = await membersOf(manager, [id]);
        await transaction.record('created', 'team', id, {
          before: null,
          after: { ...team, members: joined },
        });
        return { team, members: joined, keys: [] };
      });
    } catch (thrown) {
      if (violatedIndex(thrown) !== 'teams_pkey') throw thrown;
      throw new GatewayError(
        'request.bad_field',
        `Team id = ${id} already exists. Please use a different team id.`,
        {
          param: 'team_id',
          cause: thrown,
        },
      );
    }
  }

  /** A team, its members and its living keys. Throws 404 when it is not there, or not the caller's to see. */
  async info(caller: Principal, teamId: string): Promise<TeamView> {
    return readAs(this.database, caller, (manager) => this.#info(manager, caller, teamId));
  }

  async #info(manager: EntityManager, caller: Principal, teamId: string): Promise<TeamView> {
    const team = await manager.findOneBy(Team, { id: teamId });
    if (team === null) throw teamNotFound(teamId);
    const members = await membersOf(manager, [teamId]);
    const isMember = members.some(({ userId }) => userId === caller.user?.id);
    if (!seesEverything(caller) && !isMember && caller.team?.id !== teamId) throw teamNotFound(teamId);
    const keys = await manager
      .createQueryBuilder(VirtualKey, 'key')
      .where('key.teamId = :teamId', { teamId })
      .andWhere('(key.expiresAt IS NULL OR key.expiresAt > :now)', { now: new Date(this.clock.nowMs()) })
      .orderBy('key.createdAt', 'DESC')
      .limit(MOST_KEYS)
      .getMany();
    return { team, members, keys };
  }

  /** Blocks or unblocks; a team that already is what was asked for is answered as it is. Throws 404 when there is none. */
  async setBlocked(author: Author, teamId: string, blocked: boolean): Promise<TeamView> {
    assertAdministers(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await manager.findOne(Team, {
        where: { id: teamId },
        lock: { mode: 'pessimistic_write' },
      });
      if (before === null) throw teamNotFound(teamId);
      const members = await membersOf(manager, [teamId]);
      if (before.blocked === blocked) return { team: before, members, keys: [] };
      await manager.update(Team, { id: teamId }, { blocked, updatedAt: new Date(this.clock.nowMs()) });
      const team = await manager.findOneByOrFail(Team, { id: teamId });
      await transaction.record(blocked ? 'blocked' : 'unblocked', 'team', teamId, { before, after: team });
      return { team, members, keys: [] };
    });
  }

  #columnsOf(id: string, draft: NewTeam, nowMs: number): Partial<Team> {
    return {
      id,
      alias: draft.alias,
      models: [...draft.models],
      modelAliases: { ...draft.modelAliases },
      maxBudgetNano: draft.capNanoUsd,
      ...budgetColumns(draft.budgetDuration, null, nowMs),
      rpmLimit: draft.requestsPerMinute,
      tpmLimit: draft.tokensPerMinute,
      maxParallelRequests: draft.parallelRequests,
      blocked: draft.blocked,
      tags: [...draft.tags],
      metadata: { ...draft.metadata },
      createdAt: new Date(nowMs),
      updatedAt: new Date(nowMs),
    };
  }
}

export function teamNotFound(teamId: string): GatewayError {
  const message = `Team not found, passed team id: ${teamId}.`;
  return new GatewayError('request.not_found', message, { param: 'team_id', detail: { error: message } });
}
