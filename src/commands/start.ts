import { boot } from '../boot.js';
import { roleOf } from '../roles.js';
import type { CommandOptions } from './options.js';
import { readConfig } from './read-config.js';

/** Runs until a signal ends it. */
export async function start(options: CommandOptions): Promise<number> {
  const running = await boot(await readConfig(options), roleOf(options.role, process.env));
  return running.ended;
}
