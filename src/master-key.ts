import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Config } from '#libs/config';
import { Secret } from '#libs/kernel';

export const MASTER_KEY_FILE = 'master-key';

/**
 * The configuration with a master key in it: the configured one, else the one kept in the data directory, else a strong
 * new one written there for its owner's eyes only. The key itself is never printed.
 */
export function withMasterKey(config: Config): Config {
  if (config.auth.masterKey) return config;
  const directory = config.server.dataDir;
  const file = join(directory, MASTER_KEY_FILE);
  mkdirSync(directory, { recursive: true });
  if (!existsSync(file)) {
    // `wx`: of two first starts at once, one key wins and both use it.
    try {
      writeFileSync(file, `sk-${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  chmodSync(file, 0o600);
  const masterKey = new Secret(readFileSync(file, 'utf8').trim());
  return new Config({ ...config, auth: { ...config.auth, masterKey, masterKeySource: 'generated' } });
}
