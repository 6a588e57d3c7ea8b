import { Injectable } from '@nestjs/common';
import { insertRow, lockRow, Project, readAs, Team, VirtualKey, writeRow } from '#libs/database';
import { Clock, GatewayError, newId, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager, In } from 'typeorm';
import { makerOf, seesEverything } from './authority.js';
import { assertFits } from './authority/fits.js';
import { fieldForbidden, notYours } from './authority/refusals.js';
import { administered, capacityInTeam, type Standing, standingOf } from './authority/standing.js';
import { type GovernedChange, governedColumns } from './governed-settings.js';
import { type Author, Transactions } from './transactions.js';
import { orTaken } from './unique.js';

export interface ProjectSettings {
  readonly alias: string | null;
  readonly description: string | null;
  readonly models: readonly string[];
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly blocked: boolean;
}
export type ProjectChange = GovernedChange & {
  readonly [Name in keyof ProjectSettings]?: ProjectSettings[Name] | undefined;
};

const PLAIN = ['alias', 'description', 'models', 'tags', 'metadata', 'blocked'] as const;
/** Shown without paging; more would hurt the process that builds the answer. */
const MOST_ROWS = 10_000;

/** Parts of a team's work. Whoever manages the team manages them, within what the team has. */
@Injectable()
export class Projects {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
  ) {}

  async create(
    author: Author,
    id: string | undefined,
    teamId: string,
    settings: ProjectChange,
  ): Promise<Project> {
    const nowMs = this.clock.nowMs();
    const newOne = id ?? newId('project', nowMs);
    const by = makerOf(author.principal);
    return orTaken(
      'projects_pkey',
      (cause) =>
        new GatewayError('request.bad_field', `Project '${newOne}' already exists.`, {
          param: 'project_id',
          cause,
        }),
      () =>
        this.transactions.run(author, async (transaction) => {
          const { manager } = transaction;
          const standing = await standingOf(manager, author.principal);
          const team = await this.#managedTeam(manager, standing, teamId);
          const columns = columnsOf(settings, undefined, nowMs);
          assertMayGovern(standing, columns, undefined, team);
          const at = new Date(nowMs);
          const project = await insertRow(manager, Project, {
            ...columns,
            id: newOne,
            teamId,
            createdBy: by,
            updatedBy: by,
            createdAt: at,
            updatedAt: at,
          });
          await transaction.record('created', 'project', newOne, { before: null, after: project });
          return project;
        }),
    );
  }

  async update(author: Author, id: string, settings: ProjectChange): Promise<Project> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const before = await this.#locked(manager, standing, id);
      const team = await this.#managedTeam(manager, standing, before.teamId, 'project');
      const now = new Date(this.clock.nowMs());
      const columns = {
        ...columnsOf(settings, before, now.getTime()),
        updatedBy: makerOf(author.principal),
        updatedAt: now,
      };
      assertMayGovern(standing, columns, before, team);
      const after = await writeRow(manager, Project, { id }, columns);
      await transaction.record('updated', 'project', id, { before, after });
      return after;
    });
  }

  /** Deletes the projects, all or none. Throws 400 while keys are in one: they would lose its limits. */
  async delete(author: Author, ids: readonly string[]): Promise<readonly Project[]> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const deleted: Project[] = [];
      for (const id of [...new Set(ids)].toSorted()) {
        const project = await this.#locked(manager, standing, id);
        await this.#managedTeam(manager, standing, project.teamId, 'project');
        const keys = await manager.countBy(VirtualKey, { projectId: id });
        if (keys > 0)
          throw new GatewayError(
            'request.bad_field',
            `Project '${id}' still has ${keys} keys. Delete them first.`,
            { param: 'project_ids' },
          );
        await manager.delete(Project, { id });
        await transaction.record('deleted', 'project', id, { before: project, after: null });
        deleted.push(project);
      }
      return deleted;
    });
  }

  /** A project of a team the caller is in or administers. */
  get(caller: Principal, id: string): Promise<Project> {
    return readAs(this.database, caller, async (manager) => {
      const standing = await standingOf(manager, caller);
      const project = await manager.findOneBy(Project, { id });
      const team = project && (await manager.findOneBy(Team, { id: project.teamId }));
      const isIn = team !== null && (standing.teams.has(team.id) || caller.team?.id === team.id);
      const isSeen =
        seesEverything(standing) || isIn || (team !== null && capacityInTeam(standing, team) !== undefined);
      if (project !== null && isSeen) return project;
      throw seesEverything(standing) ? projectNotFound(id) : notYours('project', 'project_id');
    });
  }

  /** The projects of the caller's teams; all of them for those who see everything. */
  list(caller: Principal): Promise<readonly Project[]> {
    return readAs(this.database, caller, async (manager) => {
      const standing = await standingOf(manager, caller);
      const query = manager
        .createQueryBuilder(Project, 'project')
        .orderBy('project.createdAt', 'DESC')
        .limit(MOST_ROWS);
      if (!seesEverything(standing)) {
        query.where(
          `(project.teamId = ANY(:teams) OR project.teamId IN (SELECT t.id FROM teams t WHERE t.organization_id = ANY(:organizations)))`,
          {
            teams: [...standing.teams.keys(), ...(caller.team ? [caller.team.id] : [])],
            organizations: administered(standing).organizationIds,
          },
        );
      }
      return query.getMany();
    });
  }

  async #locked(manager: EntityManager, standing: Standing, id: string): Promise<Project> {
    const project = await lockRow(manager, Project, { id });
    if (project !== null) return project;
    throw standing.role === 'proxy_admin' ? projectNotFound(id) : notYours('project', 'project_id');
  }

  async #managedTeam(
    manager: EntityManager,
    standing: Standing,
    id: string,
    noun: 'team' | 'project' = 'team',
  ): Promise<Team> {
    const [team] = await manager.findBy(Team, { id: In([id]) });
    if (team !== undefined && capacityInTeam(standing, team) !== undefined) return team;
    if (standing.role === 'proxy_admin')
      throw new GatewayError('request.bad_field', `Team '${id}' does not exist.`, { param: 'team_id' });
    throw notYours(noun, `${noun}_id`);
  }
}

function assertMayGovern(
  standing: Standing,
  columns: Partial<Project>,
  before: Project | undefined,
  team: Team,
): void {
  if (
    standing.role !== 'proxy_admin' &&
    columns.budgetId !== undefined &&
    columns.budgetId !== (before?.budgetId ?? null)
  )
    throw fieldForbidden('budget_id', 'can only be set by a proxy administrator.');
  assertFits(columns, team, 'team');
}

function columnsOf(settings: ProjectChange, current: Project | undefined, nowMs: number): Partial<Project> {
  const columns: Partial<Record<keyof Project, unknown>> = governedColumns(settings, current, nowMs);
  for (const name of PLAIN) if (settings[name] !== undefined) columns[name] = settings[name];
  return columns as Partial<Project>;
}

function projectNotFound(id: string): GatewayError {
  const message = `Project not found, passed project id: ${id}.`;
  return new GatewayError('request.not_found', message, { param: 'project_id', detail: { error: message } });
}
