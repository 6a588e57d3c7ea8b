import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config, type CredentialEntry } from '#libs/config';
import { insertUnlessTaken, lockRow, ProxyModel, Team, writeRow } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { type Author, makerOf, notYours, type Standing, standingOf, type Transaction } from '#libs/tenancy';
import type { EntityManager } from 'typeorm';
import { checkModel } from './check-model.js';
import { LiveCatalogue } from './live-catalogue.js';
import { LiveChanges } from './live-changes.js';
import { assertTeamMaySet } from './model-rights.js';
import { badField } from './refusals.js';
import { RuntimeStore } from './runtime-store.js';
import { shownInfo, shownParams } from './stored-params.js';

export interface NewModel {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** `model_info` but for id and team. */
  readonly info: Readonly<Record<string, unknown>>;
  /** Absent: one is made. */
  readonly id?: string | undefined;
  readonly teamId?: string | null | undefined;
  readonly blocked?: boolean | undefined;
}

/** Absent members stay as they are; in the maps, null removes a member. */
export interface ModelChange {
  readonly name?: string | undefined;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  readonly info?: Readonly<Record<string, unknown>> | undefined;
  readonly blocked?: boolean | undefined;
}

/** A stored model, with parameters as people may see them. */
export interface ModelView {
  readonly row: ProxyModel;
  readonly params: Record<string, unknown>;
}

/**
 * Models that are added, changed and removed while calls run. When a change is answered, this process serves it; every other
 * does within a second. Proxy administrators change all of them, a team's administrators their team's, within what `model-rights.ts` says.
 */
@Injectable()
export class Models {
  constructor(
    private readonly config: Config,
    private readonly store: RuntimeStore,
    private readonly changes: LiveChanges,
    private readonly live: LiveCatalogue,
  ) {}

  /** Throws 400 for what is wrong with it, by name, and when the id is taken, here or in the file. */
  async create(author: Author, draft: NewModel): Promise<ModelView> {
    return this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const standing = await standingOf(manager, author.principal);
      const teamId = draft.teamId || null;
      const isAdmin = standing.role === 'proxy_admin';
      if (!isAdmin) {
        assertTeamsAdministrator(standing, teamId);
        assertTeamMaySet(draft.params, draft.info);
        if (typeof draft.params['api_key'] !== 'string' || draft.params['api_key'] === '')
          throw badField(
            'litellm_params.api_key',
            ' is needed: a model of a team is called with the team’s own key',
          );
      }
      if (teamId !== null && !(await manager.existsBy(Team, { id: teamId })))
        throw badField('model_info.team_id', ' names a team that does not exist');
      const id = draft.id ?? randomUUID();
      if (this.live.entryOf(id)) throw taken(id);
      const maker = makerOf(author.principal);
      const row: Partial<ProxyModel> = {
        id,
        modelName: draft.name,
        info: draft.info,
        teamId,
        trusted: isAdmin,
        blocked: draft.blocked ?? false,
        createdBy: maker,
        updatedBy: maker,
      };
      const deployment = await this.#assertValid(row, draft.params);
      if (!isAdmin) assertPublicAddress(deployment);
      const columns = { ...row, ...(await this.store.sealParams(manager, id, draft.params)) };
      // Also one that this caller may not see: two at once, or another tenant's.
      if (!(await insertUnlessTaken(manager, ProxyModel, columns))) throw taken(id);
      const saved = await this.#viewOf(manager, await manager.findOneByOrFail(ProxyModel, { id }));
      await transaction.record('created', 'model', id, { before: null, after: auditOf(saved) });
      return saved;
    });
  }

  async update(author: Author, id: string, change: ModelChange): Promise<ModelView> {
    return this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const { row, standing } = await this.#findForChange(transaction, author, id);
      if (standing.role !== 'proxy_admin') {
        assertTeamsOwn(row, change);
        assertTeamMaySet(change.params ?? {}, change.info ?? {});
      }
      const { params } = await this.store.openModel(manager, row);
      const merged = mergedMap(params, change.params);
      const columns: Partial<ProxyModel> = {
        modelName: change.name ?? row.modelName,
        info: mergedMap(row.info, change.info),
        blocked: change.blocked ?? row.blocked,
        updatedBy: makerOf(author.principal),
        updatedAt: new Date(),
      };
      const deployment = await this.#assertValid({ ...row, ...columns }, merged);
      if (standing.role !== 'proxy_admin' && change.params?.['model'] !== undefined)
        assertPublicAddress(deployment);
      const sealed = await this.store.sealParams(manager, id, merged);
      const after = await this.#viewOf(
        manager,
        await writeRow(manager, ProxyModel, { id }, { ...columns, ...sealed }),
      );
      await transaction.record(blockingOf(change, row.blocked), 'model', id, {
        before: auditOf({ row, params: shownParams(params) }),
        after: auditOf(after),
      });
      return after;
    });
  }

  async delete(author: Author, id: string): Promise<void> {
    await this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const { row, standing } = await this.#findForChange(transaction, author, id);
      if (standing.role !== 'proxy_admin') assertTeamsOwn(row, {});
      const before = await this.#viewOf(manager, row);
      await manager.delete(ProxyModel, { id });
      await transaction.record('deleted', 'model', id, { before: auditOf(before), after: null });
    });
  }

  /** Every stored model, the blocked and the broken ones too. For administrators of the proxy. */
  async stored(): Promise<ModelView[]> {
    const { manager } = this.store.database;
    const rows = await manager.find(ProxyModel, { order: { createdAt: 'ASC', id: 'ASC' } });
    return rows.map((row) => ({ row, params: shownParams(row.params) }));
  }

  async #findForChange(
    { manager }: Transaction,
    author: Author,
    id: string,
  ): Promise<{ row: ProxyModel; standing: Standing }> {
    const standing = await standingOf(manager, author.principal);
    const row = await lockRow(manager, ProxyModel, { id });
    if (standing.role === 'proxy_admin') {
      if (row) return { row, standing };
      throw this.live.entryOf(id)
        ? new GatewayError(
            'request.bad_field',
            `Model with id=${id} is of the configuration file; change it there.`,
            { param: 'id' },
          )
        : new GatewayError('request.bad_field', `Model with id=${id} not found in db`, { param: 'id' });
    }
    assertTeamsAdministrator(standing, row?.teamId ?? null);
    if (!row) throw notYours('model', 'id');
    return { row, standing };
  }

  /** Compiled as it would be served: what the catalogue would leave out is refused here, by name. */
  async #assertValid(
    row: Partial<ProxyModel>,
    params: Readonly<Record<string, unknown>>,
  ): Promise<Deployment | undefined> {
    // With the proxy's own rights: whoever may change a model that names a credential need not see the credential.
    const { manager } = this.store.database;
    const credentials = row.trusted
      ? await this.store.credentialsByName(manager, this.config.credentials)
      : new Map<string, CredentialEntry>();
    const { deployment, problem } = checkModel(
      { name: row.modelName ?? '', params, info: row.info ?? {} },
      credentials,
      row.trusted ? this.config.environment : undefined,
    );
    if (problem) throw badField(problem.path, `: ${problem.message}`);
    return deployment;
  }

  async #viewOf(manager: EntityManager, row: ProxyModel): Promise<ModelView> {
    const { params } = await this.store.openModel(manager, row);
    return { row, params: shownParams(params) };
  }
}

/** What an administrator of the proxy made for a team, or took out of service, stays as he said. */
function assertTeamsOwn(row: ProxyModel, { blocked }: ModelChange): void {
  if (!row.trusted && blocked === undefined) return;
  throw new GatewayError('rbac.forbidden', 'Only an administrator of the proxy can change this.', {
    param: 'model_info.id',
  });
}

/** Some providers stand for an address of this machine or network (`ollama/...`): not for a team's administrator to call. */
function assertPublicAddress(deployment: Deployment | undefined): void {
  if (deployment === undefined || deployment.apiBase.startsWith('https:')) return;
  throw new GatewayError('rbac.forbidden', 'A model of a team is called at its provider’s public address.', {
    param: 'litellm_params.model',
  });
}

/** Not yours and not there are one answer. */
function assertTeamsAdministrator(standing: Standing, teamId: string | null): void {
  if (teamId !== null && standing.teams.get(teamId)?.role === 'admin') return;
  throw notYours('model', 'model_info.team_id');
}

function mergedMap(
  own: Readonly<Record<string, unknown>>,
  change: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...own, ...change }).filter(([, value]) => value !== null));
}

function blockingOf({ blocked }: ModelChange, was: boolean): 'updated' | 'blocked' | 'unblocked' {
  if (blocked === undefined || blocked === was) return 'updated';
  return blocked ? 'blocked' : 'unblocked';
}

/** What the audit trail keeps: names and numbers, never a secret, sealed or not. */
function auditOf({ row, params }: ModelView): object {
  const { id, modelName, info, teamId, blocked } = row;
  return { id, modelName, params, info: shownInfo(info), teamId, blocked };
}

function taken(id: string): GatewayError {
  return badField('model_info.id', ` is taken: a model with id=${id.slice(0, 128)} already exists`);
}
