import { Injectable } from '@nestjs/common';
import {
  type CredentialEntry,
  type NamedCredential,
  OVERRIDABLE_SECTIONS,
  type SettingOverride,
} from '#libs/config';
import {
  AccessGroup,
  AccessGroupModel,
  ConfigSetting,
  ProxyModel,
  SecretColumns,
  StoredCredential,
  StoredEndpoint,
} from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { DataSource, type EntityManager } from 'typeorm';
import { revealed, splitParams } from './stored-params.js';

/** A model of the database, its secrets opened. Lives in memory only. */
export interface OpenModel {
  readonly row: ProxyModel;
  readonly params: Record<string, unknown>;
}

export interface OpenCredential {
  readonly row: StoredCredential;
  readonly values: Record<string, unknown>;
}

/** A pass-through endpoint of the database as it was written, its secrets opened. */
export interface OpenEndpoint {
  readonly row: StoredEndpoint;
  readonly written: Readonly<Record<string, unknown>>;
}

/** What the database says beside the configuration file. */
export interface RuntimeRows {
  readonly models: readonly OpenModel[];
  readonly credentials: readonly OpenCredential[];
  readonly endpoints: readonly OpenEndpoint[];
  readonly groups: readonly AccessGroup[];
  readonly groupedModels: readonly AccessGroupModel[];
  readonly settings: readonly SettingOverride[];
  /** Rows whose secrets do not open, by what they are: left out, and told. */
  readonly unreadable: readonly string[];
}

/** Reads and writes what can be changed at run time, sealing on the way in and opening on the way out. */
@Injectable()
export class RuntimeStore {
  constructor(
    readonly database: DataSource,
    private readonly secrets: SecretColumns,
  ) {}

  /** Everything at once. A row that does not open is left out; a database that does not answer throws. */
  async readAll(manager: EntityManager = this.database.manager): Promise<RuntimeRows> {
    const unreadable: string[] = [];
    /** One after the other: they share a connection. */
    const opened = async <Row, Open>(
      rows: readonly Row[],
      nameOf: (row: Row) => string,
      open: (row: Row) => Promise<Open>,
    ): Promise<Open[]> => {
      const found: Open[] = [];
      for (const row of rows) {
        try {
          found.push(await open(row));
        } catch (error) {
          if (!isUnreadable(error)) throw error;
          unreadable.push(nameOf(row));
        }
      }
      return found;
    };
    return {
      models: await opened(
        await manager.find(ProxyModel, { order: { createdAt: 'ASC', id: 'ASC' } }),
        ({ id }) => `model ${id}`,
        (row) => this.openModel(manager, row),
      ),
      credentials: await opened(
        await manager.find(StoredCredential),
        ({ name }) => `credential ${name}`,
        (row) => this.openCredential(manager, row),
      ),
      endpoints: await opened(
        await manager.find(StoredEndpoint, { order: { path: 'ASC' } }),
        ({ id }) => `endpoint ${id}`,
        (row) => this.openEndpoint(manager, row),
      ),
      settings: await opened(
        (await manager.find(ConfigSetting)).filter(({ section }) => isOverridable(section)),
        ({ section, field }) => `setting ${section}.${field}`,
        (row) => this.openSetting(manager, row),
      ),
      groups: await manager.find(AccessGroup),
      groupedModels: await manager.find(AccessGroupModel),
      unreadable,
    };
  }

  /** What a model may name: the stored credentials, and the file's over them. */
  async credentialsByName(
    manager: EntityManager,
    ofFile: readonly NamedCredential[],
  ): Promise<Map<string, CredentialEntry>> {
    const rows = await manager.find(StoredCredential);
    const stored = await Promise.all(rows.map((row) => this.openCredential(manager, row)));
    return namedCredentials(stored, ofFile);
  }

  async openModel(manager: EntityManager, row: ProxyModel): Promise<OpenModel> {
    if (row.secrets === null) return { row, params: row.params };
    const text = await this.secrets.open(manager, 'modelSecrets', row.id, row.secrets);
    return { row, params: { ...row.params, ...(JSON.parse(text) as object) } };
  }

  async openCredential(manager: EntityManager, row: StoredCredential): Promise<OpenCredential> {
    const text = await this.secrets.open(manager, 'credentialSecrets', row.id, row.secrets);
    return { row, values: JSON.parse(text) as Record<string, unknown> };
  }

  /** The two columns of a model's parameters. */
  async sealParams(
    manager: EntityManager,
    id: string,
    params: Readonly<Record<string, unknown>>,
  ): Promise<Pick<ProxyModel, 'params' | 'secrets'>> {
    const { plain, sealed } = splitParams(params);
    if (Object.keys(sealed).length === 0) return { params: plain, secrets: null };
    const secrets = await this.secrets.seal(manager, 'modelSecrets', id, JSON.stringify(sealed));
    return { params: plain, secrets };
  }

  sealCredential(manager: EntityManager, id: string, values: object): Promise<string> {
    return this.secrets.seal(manager, 'credentialSecrets', id, JSON.stringify(values));
  }

  async openEndpoint(manager: EntityManager, row: StoredEndpoint): Promise<OpenEndpoint> {
    const text = await this.secrets.open(manager, 'endpointSecrets', row.id, row.secrets);
    return { row, written: { ...row.settings, ...(JSON.parse(text) as object), path: row.path } };
  }

  /** The columns of what an endpoint says. */
  async sealEndpoint(
    manager: EntityManager,
    id: string,
    { path, target, headers, default_query_params, ...settings }: Readonly<Record<string, unknown>>,
  ): Promise<Pick<StoredEndpoint, 'path' | 'settings' | 'secrets'>> {
    const sealed = JSON.stringify({ target, headers, default_query_params });
    const secrets = await this.secrets.seal(manager, 'endpointSecrets', id, sealed);
    return { path: String(path), settings, secrets };
  }

  async openSetting(manager: EntityManager, row: ConfigSetting): Promise<SettingOverride> {
    const { section, field, value, secret } = row;
    const opened =
      secret === null
        ? value
        : (JSON.parse(
            await this.secrets.open(manager, 'settingSecret', `${section}.${field}`, secret),
          ) as unknown);
    return { section: section as SettingOverride['section'], field, value: opened };
  }

  /** The two columns of a setting's value. */
  async sealSetting(
    manager: EntityManager,
    { section, field, value }: SettingOverride,
    isSecret: boolean,
  ): Promise<Pick<ConfigSetting, 'value' | 'secret'>> {
    if (!isSecret) return { value, secret: null };
    const text = JSON.stringify(value);
    return {
      value: null,
      secret: await this.secrets.seal(manager, 'settingSecret', `${section}.${field}`, text),
    };
  }
}

/** The file's name wins. */
export function namedCredentials(
  stored: readonly OpenCredential[],
  ofFile: readonly NamedCredential[],
): Map<string, CredentialEntry> {
  const named = new Map<string, CredentialEntry>();
  for (const { row, values } of stored) named.set(row.name, { values, info: row.info });
  for (const { name, values, info } of ofFile) named.set(name, { values: revealed(values), info });
  return named;
}

function isOverridable(section: string): boolean {
  return OVERRIDABLE_SECTIONS.some((one) => one === section);
}

/** Whether a row's secrets do not open, as after a key was lost; everything else is an outage. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'secrets.unreadable';
}
