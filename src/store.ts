import { join } from 'node:path';
import { Config } from '#libs/config';
import {
  assertWallHides,
  createDataSource,
  type EncryptionKeyOptions,
  EncryptionKeySource,
  isWallStanding,
  runMigrations,
  SecretColumns,
  startEmbeddedPostgres,
} from '#libs/database';
import type { Secret } from '#libs/kernel';
import type { Logger } from '#libs/telemetry';
import { asDatabaseProblem } from './database-problem.js';

const ENCRYPTION_KEY_FILE = 'encryption-key';

/** What an operator reads whose login may not make roles; nothing else changes. */
export const NO_SECOND_WALL =
  'This database login may not use the role "tollgate_tenant", so tenants are kept apart by our own checks alone, without row-level security behind them: docs/operations.md says how to add it.';

export interface OpenStore {
  /** The configuration with the store's URLs in it. */
  readonly config: Config;
  readonly url: Secret;
  /** Where the key of secrets at rest comes from. */
  readonly encryptionKey: EncryptionKeyOptions;
  /** Started here, and stopped with us. */
  readonly isOwnServer: boolean;
  /** For people: which PostgreSQL this is. */
  readonly description: string;
  close(): Promise<void>;
}

/** The configured PostgreSQL, or an embedded one started in the data directory. */
export async function openStore(config: Config, logger: Logger): Promise<OpenStore> {
  const { databaseUrl } = config.stores;
  if (databaseUrl) {
    return {
      config,
      url: databaseUrl,
      encryptionKey: encryptionKeyOf(config),
      isOwnServer: false,
      description: 'PostgreSQL (DATABASE_URL)',
      close: () => Promise.resolve(),
    };
  }
  const postgres = await startEmbeddedPostgres({ dataDir: config.server.dataDir, logger });
  const stores = { ...config.stores, databaseUrl: postgres.url, databaseDirectUrl: postgres.directUrl };
  return {
    config: new Config({ ...config, stores }),
    url: postgres.url,
    encryptionKey: encryptionKeyOf(config),
    isOwnServer: true,
    description: 'embedded PostgreSQL in the data directory',
    close: () => postgres.stop(),
  };
}

/**
 * Safe to run from several processes at once, because the lock belongs to a session: hence the direct connection, if there
 * is one. No statement timeout: a migration takes what it takes. Throws when stored secrets are sealed with a key that was not given.
 */
export async function bringSchemaUpToDate(store: OpenStore, logger: Logger): Promise<void> {
  const { databaseDirectUrl } = store.config.stores;
  const name = databaseDirectUrl ? 'DATABASE_DIRECT_URL' : 'DATABASE_URL';
  const url = databaseDirectUrl ?? store.url;
  const told = (error: unknown): never => {
    throw store.isOwnServer ? error : asDatabaseProblem(error, name, url);
  };
  const dataSource = await createDataSource({ url, poolSize: 2, statementTimeoutMs: 0 }, logger).catch(told);
  try {
    await runMigrations(dataSource).catch(told);
    if (await isWallStanding(dataSource)) await assertWallHides(dataSource);
    else logger.warn({}, NO_SECOND_WALL);
    await new SecretColumns(new EncryptionKeySource(store.encryptionKey)).assertReadable(dataSource.manager);
  } finally {
    await dataSource.destroy();
  }
}

/** Where the key of secrets at rest comes from. */
function encryptionKeyOf({ secrets, server, stores }: Config): EncryptionKeyOptions {
  const { saltKey, previousSaltKey } = secrets;
  return {
    // Beside the store it seals: it keeps dumps and backups of the database shut, not the machine.
    ...(stores.databaseUrl ? {} : { file: join(server.dataDir, ENCRYPTION_KEY_FILE) }),
    ...(saltKey === undefined ? {} : { salt: saltKey }),
    ...(previousSaltKey === undefined ? {} : { previousSalt: previousSaltKey }),
  };
}

/** Opens and seals secrets at rest, for a command that has a database already. */
export function secretColumnsOf(config: Config): SecretColumns {
  return new SecretColumns(new EncryptionKeySource(encryptionKeyOf(config)));
}
