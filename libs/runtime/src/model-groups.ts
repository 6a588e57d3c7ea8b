import { Injectable } from '@nestjs/common';
import { AccessGroupModel, lockName, ProxyModel } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { Catalogue } from '#libs/routing';
import { type Author } from '#libs/tenancy';
import type { EntityManager } from 'typeorm';
import { LiveCatalogue } from './live-catalogue.js';
import { LiveChanges } from './live-changes.js';

export interface ModelGroupMembers {
  readonly modelNames: readonly string[];
  readonly modelIds: readonly string[];
}

export interface TaggedModels {
  readonly name: string;
  readonly modelNames: readonly string[];
  readonly deploymentCount: number;
}

/**
 * Access groups as names that models carry (`model_info.access_groups`), for the models of the file as well as the stored
 * ones. For administrators of the proxy.
 */
@Injectable()
export class ModelGroups {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly changes: LiveChanges,
    private readonly live: LiveCatalogue,
  ) {}

  list(): TaggedModels[] {
    const byName = new Map<string, { names: Set<string>; count: number }>();
    for (const { group, accessGroups } of this.catalogue.deployments) {
      for (const name of accessGroups) {
        const known = byName.get(name) ?? { names: new Set<string>(), count: 0 };
        known.names.add(group);
        known.count += 1;
        byName.set(name, known);
      }
    }
    return [...byName]
      .map(([name, { names, count }]) => ({ name, modelNames: [...names], deploymentCount: count }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Throws 404. */
  get(name: string): TaggedModels {
    const found = this.list().find((one) => one.name === name);
    if (!found) throw missing();
    return found;
  }

  /** Throws 409 when a model already carries the name, 400 for a model that does not exist. Returns how many deployments carry it now. */
  async create(author: Author, name: string, members: ModelGroupMembers): Promise<number> {
    if (this.list().some((one) => one.name === name)) throw taken();
    return this.#write(author, 'created', name, members);
  }

  /** Replaces the members. Models of the file that carry the name by themselves keep it. */
  async update(author: Author, name: string, members: ModelGroupMembers): Promise<number> {
    this.get(name);
    return this.#write(author, 'updated', name, members);
  }

  /** Returns how many deployments carried it. Throws 400 while a model of the file carries the name by itself. */
  async delete(author: Author, name: string): Promise<number> {
    const { deploymentCount } = this.get(name);
    const isOfFile = this.catalogue.deployments.some(({ id }) => {
      const own = this.live.ownInfoOf(id)?.['access_groups'];
      return !this.live.isStored(id) && Array.isArray(own) && own.includes(name);
    });
    if (isOfFile) {
      throw new GatewayError(
        'request.bad_field',
        'This access group is of the configuration file; change it there.',
        {
          param: 'access_group',
        },
      );
    }
    await this.changes.run(author, async (transaction) => {
      await clear(transaction.manager, name);
      await transaction.record('deleted', 'access_group', name, { before: { name }, after: null });
    });
    return deploymentCount;
  }

  async #write(
    author: Author,
    action: 'created' | 'updated',
    name: string,
    members: ModelGroupMembers,
  ): Promise<number> {
    this.#assertKnown(members);
    await this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      await lockName(manager, `tollgate.model-group:${name}`);
      // The catalogue follows the tables: of two who make one at once, the second sees it here.
      if (action === 'created' && (await manager.existsBy(AccessGroupModel, { accessGroup: name })))
        throw taken();
      await clear(manager, name);
      await manager.insert(AccessGroupModel, [
        ...members.modelNames.map((model) => ({ accessGroup: name, kind: 'name' as const, model })),
        ...members.modelIds.map((model) => ({ accessGroup: name, kind: 'id' as const, model })),
      ]);
      await transaction.record(action, 'access_group', name, { before: null, after: { name, ...members } });
    });
    return this.list().find((one) => one.name === name)?.deploymentCount ?? 0;
  }

  #assertKnown({ modelNames, modelIds }: ModelGroupMembers): void {
    if (modelNames.length === 0 && modelIds.length === 0) {
      throw new GatewayError('request.bad_field', "Send 'model_names' or 'model_ids'.", {
        param: 'model_names',
      });
    }
    const { deployments } = this.catalogue;
    const groups = new Set(deployments.map(({ group }) => group));
    const ids = new Set(deployments.map(({ id }) => id));
    const stranger = modelNames.find((one) => !groups.has(one)) ?? modelIds.find((one) => !ids.has(one));
    if (stranger === undefined) return;
    throw new GatewayError('request.bad_field', `There is no model ${stranger.slice(0, 256)}.`, {
      param: modelNames.includes(stranger) ? 'model_names' : 'model_ids',
    });
  }
}

/** Takes the name off every stored model, however it got it. */
async function clear(manager: EntityManager, name: string): Promise<void> {
  await manager.delete(AccessGroupModel, { accessGroup: name });
  await manager
    .createQueryBuilder()
    .update(ProxyModel)
    .set({
      info: () =>
        `jsonb_set(info, '{access_groups}', (SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(info -> 'access_groups') AS one WHERE one <> to_jsonb(:name::text)))`,
    })
    .where(`jsonb_typeof(info -> 'access_groups') = 'array' AND info -> 'access_groups' ? :name`, { name })
    .execute();
}

function taken(): GatewayError {
  return new GatewayError('request.conflict', 'An access group of this name already exists.', {
    param: 'access_group',
  });
}

function missing(): GatewayError {
  return new GatewayError('request.not_found', 'There is no access group of this name.', {
    param: 'access_group',
  });
}
