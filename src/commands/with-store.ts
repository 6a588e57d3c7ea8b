import type { Config } from '#libs/config';
import { createDataSource, DirectoryInUse, runningEmbeddedUrl } from '#libs/database';
import { Secret } from '#libs/kernel';
import { createLogger, MemorySink } from '#libs/telemetry';
import type { DataSource } from 'typeorm';
import { openStore } from '../store.js';

/**
 * Does `work` on the store of a configuration, or on the database named on the command line: also while a gateway runs on
 * it, the embedded one included. Nothing but the command's own words reaches standard output.
 */
export async function withStore<T>(
  config: Config,
  database: string | undefined,
  work: (dataSource: DataSource, url: Secret) => Promise<T>,
): Promise<T> {
  const logger = createLogger(config.logging, new MemorySink());
  const store = await findStore(config, database);
  const dataSource = await createDataSource(
    { url: store.url, poolSize: 2, statementTimeoutMs: 0 },
    logger,
  ).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  try {
    return await work(dataSource, store.url);
  } finally {
    await dataSource.destroy();
    await store.close();
  }
}

async function findStore(
  config: Config,
  database: string | undefined,
): Promise<{ url: Secret; close(): Promise<void> }> {
  const nothing = (): Promise<void> => Promise.resolve();
  if (database !== undefined) return { url: new Secret(database), close: nothing };
  try {
    return await openStore(config, createLogger(config.logging, new MemorySink()));
  } catch (error) {
    if (!(error instanceof DirectoryInUse)) throw error;
    const url = runningEmbeddedUrl(config.server.dataDir);
    if (url === undefined) throw error;
    return { url, close: nothing };
  }
}
