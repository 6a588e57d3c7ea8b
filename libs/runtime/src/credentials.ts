import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { insertUnlessTaken, lockRow, ProxyModel, StoredCredential, writeRow } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { type Author, makerOf } from '#libs/tenancy';
import type { EntityManager } from 'typeorm';
import { LiveCatalogue } from './live-catalogue.js';
import { LiveChanges } from './live-changes.js';
import { RuntimeStore } from './runtime-store.js';
import { maskTexts } from './stored-params.js';

export interface NewCredential {
  readonly name: string;
  readonly displayName: string | null;
  /** Its values, or the stored model whose own ones it takes over. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  readonly modelId?: string | undefined;
  readonly info: Readonly<Record<string, unknown>>;
}

export interface CredentialChange {
  readonly displayName?: string | null | undefined;
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  readonly removed?: readonly string[] | undefined;
  readonly info?: Readonly<Record<string, unknown>> | undefined;
}

/** A credential as administrators see it: its texts masked. */
export interface CredentialView {
  readonly name: string;
  readonly displayName: string | null;
  readonly values: Record<string, unknown>;
  readonly info: Readonly<Record<string, unknown>>;
  readonly source: 'db' | 'config';
}

/** Parameters of a model that a credential can hold. */
const OF_CREDENTIALS =
  /^(?:api_key|api_base|base_url|api_version|organization|azure_|aws_|vertex_|watsonx_|client_)/;

/** Provider secrets under a name. Sealed at rest, masked in every answer; the file's cannot be changed here. For administrators of the proxy. */
@Injectable()
export class Credentials {
  constructor(
    private readonly config: Config,
    private readonly store: RuntimeStore,
    private readonly changes: LiveChanges,
    private readonly live: LiveCatalogue,
  ) {}

  /** Throws 409 when the name is taken. */
  async create(author: Author, draft: NewCredential): Promise<void> {
    this.#assertNotOfFile(draft.name);
    await this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const values = draft.values ?? (await this.#valuesOfModel(manager, draft.modelId ?? ''));
      const id = randomUUID();
      const maker = makerOf(author.principal);
      const { name, displayName, info } = draft;
      const secrets = await this.store.sealCredential(manager, id, values);
      const row = { id, name, displayName, info, secrets, createdBy: maker, updatedBy: maker };
      if (!(await insertUnlessTaken(manager, StoredCredential, row))) throw taken();
      await transaction.record('created', 'credential', name, {
        before: null,
        after: { name, displayName, info, members: Object.keys(values) },
      });
    });
  }

  /** Throws 404 when there is none of that name, 409 for one of the file. */
  async update(author: Author, name: string, change: CredentialChange): Promise<void> {
    this.#assertNotOfFile(name);
    await this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const row = await this.#find(manager, name);
      const { values } = await this.store.openCredential(manager, row);
      const merged: Record<string, unknown> = { ...values, ...change.values };
      for (const member of change.removed ?? []) delete merged[member];
      const displayName = change.displayName === undefined ? row.displayName : change.displayName;
      const info = { ...row.info, ...change.info };
      await writeRow(
        manager,
        StoredCredential,
        { id: row.id },
        {
          displayName,
          info,
          secrets: await this.store.sealCredential(manager, row.id, merged),
          updatedBy: makerOf(author.principal),
          updatedAt: new Date(),
        },
      );
      const { displayName: earlier, info: earlierInfo } = row;
      await transaction.record('updated', 'credential', name, {
        before: { name, displayName: earlier, info: earlierInfo, members: Object.keys(values) },
        after: { name, displayName, info, members: Object.keys(merged) },
      });
    });
  }

  async delete(author: Author, name: string): Promise<void> {
    this.#assertNotOfFile(name);
    await this.changes.run(author, async (transaction) => {
      const { manager } = transaction;
      const row = await this.#find(manager, name);
      await manager.delete(StoredCredential, { id: row.id });
      await transaction.record('deleted', 'credential', name, {
        before: { name, displayName: row.displayName, info: row.info },
        after: null,
      });
    });
  }

  /** The file's first, then the stored ones by name. */
  async list(): Promise<CredentialView[]> {
    const { credentials } = await this.store.readAll();
    const fromFile = this.config.credentials.map(({ name, values, info }): CredentialView => ({
      name,
      displayName: null,
      values: maskTexts(values),
      info,
      source: 'config',
    }));
    const names = new Set(fromFile.map(({ name }) => name));
    const stored = credentials
      .filter(({ row }) => !names.has(row.name))
      .map(({ row, values }): CredentialView => ({
        name: row.name,
        displayName: row.displayName,
        values: maskTexts(values),
        info: row.info,
        source: 'db',
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return [...fromFile, ...stored];
  }

  async get(name: string): Promise<CredentialView> {
    const found = (await this.list()).find((one) => one.name === name);
    if (!found) throw missing();
    return found;
  }

  /** What a stored model is called with: its credential, or the secrets of its own as one. */
  async ofModel(modelId: string): Promise<CredentialView> {
    const entry = this.live.entryOf(modelId);
    if (!entry)
      throw new GatewayError('request.not_found', 'There is no model of this id.', { param: 'model_id' });
    const values = Object.fromEntries(
      Object.entries(entry.params).filter(([name]) => OF_CREDENTIALS.test(name)),
    );
    return {
      name: `${modelId}-credential`,
      displayName: null,
      values: maskTexts(values),
      info: {},
      source: this.live.isStored(modelId) ? 'db' : 'config',
    };
  }

  async #valuesOfModel(manager: EntityManager, modelId: string): Promise<Record<string, unknown>> {
    const row = await manager.findOneBy(ProxyModel, { id: modelId });
    if (!row)
      throw new GatewayError('request.not_found', 'There is no stored model of this id.', {
        param: 'model_id',
      });
    const { params } = await this.store.openModel(manager, row);
    return Object.fromEntries(Object.entries(params).filter(([name]) => OF_CREDENTIALS.test(name)));
  }

  async #find(manager: EntityManager, name: string): Promise<StoredCredential> {
    const row = await lockRow(manager, StoredCredential, { name });
    if (!row) throw missing();
    return row;
  }

  #assertNotOfFile(name: string): void {
    if (!this.config.credentials.some((one) => one.name === name)) return;
    throw new GatewayError(
      'request.conflict',
      'This credential is of the configuration file; change it there.',
      { param: 'credential_name' },
    );
  }
}

function taken(): GatewayError {
  return new GatewayError('request.conflict', 'A credential of this name already exists.', {
    param: 'credential_name',
  });
}

function missing(): GatewayError {
  return new GatewayError('request.not_found', 'There is no credential of this name.', {
    param: 'credential_name',
  });
}
