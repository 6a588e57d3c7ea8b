import { createLogger, ProcessSink } from '#libs/telemetry';
import { bringSchemaUpToDate, openStore } from '../store.js';
import type { CommandOptions } from './options.js';
import { readConfig } from './read-config.js';

/** Brings the schema up to date and exits; safe to run from several places at once. */
export async function migrate(options: CommandOptions): Promise<number> {
  const config = await readConfig(options);
  const logger = createLogger(config.logging, new ProcessSink(config.logging.file));
  const store = await openStore(config, logger);
  try {
    await bringSchemaUpToDate(store, logger);
    process.stdout.write('The schema is up to date.\n');
    return 0;
  } finally {
    await store.close();
  }
}
