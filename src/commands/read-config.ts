import { type Config, loadConfig } from '#libs/config';
import type { CommandOptions } from './options.js';

/** The configuration this process was asked to run with: its flags, its environment, its files. */
export function readConfig(options: CommandOptions): Promise<Config> {
  const { config, port, host } = options;
  const dataDir = options['data-dir'];
  return loadConfig({
    flags: {
      ...(config === undefined ? {} : { config }),
      ...(port === undefined ? {} : { port }),
      ...(host === undefined ? {} : { host }),
      ...(dataDir === undefined ? {} : { dataDir }),
    },
    env: process.env,
    cwd: process.cwd(),
  });
}
