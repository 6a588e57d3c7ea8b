import { ConfigError } from '#libs/config';
import { boot } from '../boot.js';
import type { CommandOptions } from './index.js';
import { readConfig } from './read-config.js';

/** Runs until a signal ends it. */
export async function start(options: CommandOptions): Promise<number> {
  try {
    const running = await boot(await readConfig(options), options.role);
    return await running.ended;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`tollgate: ${error.message}\n`);
    return 1;
  }
}
