import {
  checkSecrets,
  createDataSource,
  EncryptionKeySource,
  rotateSecrets,
  SecretColumns,
  type SecretColumnState,
} from '#libs/database';
import { createLogger, ProcessSink } from '#libs/telemetry';
import { openStore } from '../store.js';
import type { CommandOptions } from './options.js';
import { readConfig } from './read-config.js';

/**
 * `secrets rotate`: seals every stored secret anew, while the gateway runs. `--check` changes nothing: exit 1 when a secret
 * cannot be read, or is still sealed with an earlier key.
 */
export async function rotate(options: CommandOptions): Promise<number> {
  const config = await readConfig(options);
  const logger = createLogger(config.logging, new ProcessSink(config.logging.file));
  const store = await openStore(config, logger);
  const dataSource = await createDataSource({ url: store.url, poolSize: 2 }, logger).catch(
    async (error: unknown) => {
      await store.close();
      throw error;
    },
  );
  try {
    const secrets = new SecretColumns(new EncryptionKeySource(store.encryptionKey));
    const states = await (options.check ? checkSecrets : rotateSecrets)(dataSource, secrets);
    process.stdout.write(report(states));
    const isFine = states.every(({ older, unreadable }) => older === 0 && unreadable === 0);
    return isFine ? 0 : 1;
  } finally {
    await dataSource.destroy();
    await store.close();
  }
}

function report(states: readonly SecretColumnState[]): string {
  return states
    .map(
      ({ column, current, older, unreadable }) =>
        `${column}: ${current} sealed with the current key, ${older} with an earlier one, ${unreadable} unreadable\n`,
    )
    .join('');
}
