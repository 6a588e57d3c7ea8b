import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '#libs/kernel';

const FILE = 'audit-key';

/**
 * What only this installation knows: the audit trail is signed with it and pseudonyms are made with it. Every process of
 * an installation must have the same one.
 */
export class InstallationKey {
  readonly #root: Secret;

  constructor(root: Secret) {
    this.#root = root;
  }

  /**
   * Made from `LITELLM_SALT_KEY` where that is set, because all processes share it; else kept in the data directory, for its
   * owner's eyes only, and made on first use. Throws when the directory cannot be written.
   */
  static open(saltKey: Secret | undefined, dataDir: string): InstallationKey {
    if (saltKey) return new InstallationKey(saltKey);
    const file = join(dataDir, FILE);
    mkdirSync(dataDir, { recursive: true });
    try {
      // `wx`: of two first starts at once, one key wins and both use it.
      writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    chmodSync(file, 0o600);
    return new InstallationKey(new Secret(readFileSync(file, 'utf8').trim()));
  }

  /** The key of an installation that ran here before; undefined when there is none, and none is made. */
  static existing(saltKey: Secret | undefined, dataDir: string): InstallationKey | undefined {
    return saltKey !== undefined || existsSync(join(dataDir, FILE))
      ? InstallationKey.open(saltKey, dataDir)
      : undefined;
  }

  /** 32 bytes for one purpose; two purposes tell nothing of each other, nor of the key. */
  derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#root.reveal(), 'tollgate', purpose, 32));
  }

  /** Names a derived key without telling it. */
  nameOf(purpose: string): string {
    return createHash('sha256').update(this.derive(purpose)).digest('hex').slice(0, 12);
  }
}
