import { boot } from '../boot.js';
import type { CommandOptions } from './index.js';
import { readConfig } from './read-config.js';

/** Runs until a signal ends it. */
export async function start(options: CommandOptions): Promise<number> {
  const running = await boot(await readConfig(options), options.role);
  return running.ended;
}
