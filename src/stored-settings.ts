import { Config } from '#libs/config';
import { createDataSource, EncryptionKeySource, SecretColumns } from '#libs/database';
import { RuntimeStore } from '#libs/runtime';
import type { Logger } from '#libs/telemetry';
import type { OpenStore } from './store.js';

/**
 * The configuration with the settings that administrators stored in the database, where the file says nothing. What the
 * process lives on (stores, keys, address) stays as it was read. Settings that cannot be used any more are left out, all
 * of them, and told: a gateway that does not start helps nobody to correct them.
 */
export async function withStoredSettings(
  { config, url, encryptionKey }: OpenStore,
  logger: Logger,
): Promise<Config> {
  const { source } = config;
  if (!source) return config;
  const dataSource = await createDataSource({ url, poolSize: 1 }, logger);
  try {
    const store = new RuntimeStore(dataSource, new SecretColumns(new EncryptionKeySource(encryptionKey)));
    const { settings } = await store.readAll();
    if (settings.length === 0) return config;
    const { tree, problems } = source.withOverrides(settings);
    for (const { path, message } of problems)
      logger.error({ path }, `A stored setting cannot be used, so none is: ${message}`);
    if (problems.length > 0) return config;
    const { stores, secrets, server } = config;
    const { masterKey, masterKeySource, masterKeyWeakness, permitWeakMasterKey } = config.auth;
    return new Config({
      ...config,
      ...tree,
      stores,
      secrets,
      server: { ...tree.server, host: server.host, port: server.port, dataDir: server.dataDir },
      auth: {
        ...tree.auth,
        ...(masterKey === undefined ? {} : { masterKey }),
        masterKeySource,
        ...(masterKeyWeakness === undefined ? {} : { masterKeyWeakness }),
        permitWeakMasterKey,
      },
    });
  } finally {
    await dataSource.destroy();
  }
}
