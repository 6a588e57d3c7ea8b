import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config, type PassThroughEndpoint, pathsOverlap, readStoredEndpoint } from '#libs/config';
import { insertRow, StoredEndpoint, writeRow } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { type Author, makerOf } from '#libs/tenancy';
import type { EntityManager } from 'typeorm';
import { type EndpointView, idOfFile, unmasked, viewOfFile, viewOfStored } from './endpoint-view.js';
import { LiveChanges } from './live-changes.js';
import { badField } from './refusals.js';
import { isUnreadable, RuntimeStore } from './runtime-store.js';

/** An endpoint, or the part of it that changes, in the words of the file. */
export type EndpointSettings = Readonly<Record<string, unknown>>;

/** Gone through for each call that is no completion. */
const MOST_ENDPOINTS = 500;

/**
 * Pass-through endpoints that are made, changed and removed while calls run. What the file says wins; each change is checked as the
 * file is, is one transaction with its audit row, and is served by every process within a second. For proxy administrators: an
 * address of one's choice reaches into the network this proxy stands in, and so does a model's.
 */
@Injectable()
export class PassThroughEndpoints {
  constructor(
    private readonly config: Config,
    private readonly store: RuntimeStore,
    private readonly changes: LiveChanges,
  ) {}

  /** `assertFree` throws when the endpoint stands in the way of a route of ours. Throws 400 for what is wrong with it, by name. */
  async create(
    author: Author,
    wanted: EndpointSettings,
    assertFree: (endpoint: PassThroughEndpoint) => void,
  ): Promise<EndpointView> {
    return this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const rows = await lockAll(manager);
      if (rows.length >= MOST_ENDPOINTS)
        throw badField('path', `: there are ${MOST_ENDPOINTS} endpoints, and more would slow every call.`);
      const { id: asked, ...settings } = unmasked(wanted, undefined);
      const id = typeof asked === 'string' ? asked : randomUUID();
      if (this.#isOfFile(id) || rows.some((row) => row.id === id)) throw badField('id', ' is taken.');
      assertFree(this.#assertValid(id, settings, rows));
      const maker = makerOf(author.principal);
      const columns = await this.store.sealEndpoint(manager, id, settings);
      const facts = { id, ...columns, createdBy: maker, updatedBy: maker };
      const after = await this.#viewOf(manager, await insertRow(manager, StoredEndpoint, facts));
      await transaction.record('created', 'pass_through_endpoint', id, { before: null, after });
      return after;
    });
  }

  /** Absent members stay as they are, and so do those that are sent back masked. */
  async update(
    author: Author,
    id: string,
    change: EndpointSettings,
    assertFree: (endpoint: PassThroughEndpoint) => void,
  ): Promise<EndpointView> {
    return this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const rows = await lockAll(manager);
      const before = await this.store.openEndpoint(manager, this.#storedIn(rows, id));
      const settings = { ...before.written, ...unmasked(change, before) };
      const others = rows.filter((row) => row.id !== id);
      assertFree(this.#assertValid(id, settings, others));
      const columns = await this.store.sealEndpoint(manager, id, settings);
      const facts = { ...columns, updatedBy: makerOf(author.principal), updatedAt: new Date() };
      const after = await this.#viewOf(manager, await writeRow(manager, StoredEndpoint, { id }, facts));
      const told = { before: viewOfStored(before), after };
      await transaction.record('updated', 'pass_through_endpoint', id, told);
      return after;
    });
  }

  /** Answers what was deleted. */
  async delete(author: Author, id: string): Promise<EndpointView> {
    return this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await this.#viewOf(manager, this.#storedIn(await lockAll(manager), id));
      await manager.delete(StoredEndpoint, { id });
      await transaction.record('deleted', 'pass_through_endpoint', id, { before, after: null });
      return before;
    });
  }

  /** Those of the file, then the stored ones, whether they can be served or not. */
  async list(): Promise<EndpointView[]> {
    const { manager } = this.store.database;
    const rows = await manager.find(StoredEndpoint, { order: { path: 'ASC' } });
    const stored = await Promise.all(rows.map((row) => this.#viewOf(manager, row)));
    return [...this.#ofFile().map(viewOfFile), ...stored];
  }

  #ofFile(): PassThroughEndpoint[] {
    return this.config.passThrough.filter(({ storedId }) => storedId === undefined);
  }

  #isOfFile(id: string): boolean {
    return this.#ofFile().some((one) => idOfFile(one) === id);
  }

  #storedIn(rows: readonly StoredEndpoint[], id: string): StoredEndpoint {
    const row = rows.find((one) => one.id === id);
    if (row !== undefined) return row;
    if (this.#isOfFile(id))
      throw badField('endpoint_id', ' is of the configuration file, which wins; change it there.');
    throw new GatewayError('request.not_found', 'There is no such endpoint.', { param: 'endpoint_id' });
  }

  /** Compiled as it would be served: what would be left out is refused here, by name. */
  #assertValid(
    id: string,
    settings: EndpointSettings,
    others: readonly StoredEndpoint[],
  ): PassThroughEndpoint {
    const { endpoint, problems, missing } = readStoredEndpoint(id, settings, this.config.environment);
    const [problem] = [...problems, ...missing];
    if (problem !== undefined) throw badField(problem.path || 'headers', `: ${problem.message}.`);
    if (endpoint === undefined) throw badField('target', ' is needed.');
    const places = [
      ...this.#ofFile(),
      ...others.map(({ path, settings: { include_subpath: below } }) => ({
        path,
        includeSubpath: below === true,
      })),
    ];
    const rival = places.find((one) => pathsOverlap(one, endpoint));
    if (rival !== undefined) throw badField('path', ` lies on the path of another endpoint, ${rival.path}.`);
    return endpoint;
  }

  /** One whose secrets do not open can still be seen, and deleted. */
  async #viewOf(manager: EntityManager, row: StoredEndpoint): Promise<EndpointView> {
    try {
      return viewOfStored(await this.store.openEndpoint(manager, row));
    } catch (thrown) {
      if (!isUnreadable(thrown)) throw thrown;
      return viewOfStored({ row, written: {} });
    }
  }
}

/** Two that lie on each other's paths cannot be made at once. */
async function lockAll(manager: EntityManager): Promise<StoredEndpoint[]> {
  await manager.query('LOCK TABLE pass_through_endpoints IN SHARE ROW EXCLUSIVE MODE');
  return manager.find(StoredEndpoint);
}
