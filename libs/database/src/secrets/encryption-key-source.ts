import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Secret } from '#libs/kernel';
import { encryptionKeyOf, type NamedKey } from './envelope.js';

export interface EncryptionKeyOptions {
  /** `LITELLM_SALT_KEY`. */
  readonly salt?: Secret;
  /** What `LITELLM_SALT_KEY` was before: opens what is not rotated yet, seals nothing. */
  readonly previousSalt?: Secret;
  /** Where the embedded store keeps a key of its own. Absent: a key has to be given. */
  readonly file?: string;
}

/**
 * Finds the installation's encryption key: the given one, else one kept in a file that is made on first need, for its
 * owner's eyes only. Never the master key nor anything made from it: that one has to be changeable on the day it leaks.
 */
export class EncryptionKeySource {
  readonly #given: NamedKey | undefined;
  readonly #previous: NamedKey | undefined;
  #kept: NamedKey | undefined;

  constructor(private readonly options: EncryptionKeyOptions) {
    this.#given = options.salt && encryptionKeyOf(options.salt);
    this.#previous = options.previousSalt && encryptionKeyOf(options.previousSalt);
  }

  /** What data keys are wrapped with; undefined when none is given and none may be made. */
  current(): NamedKey | undefined {
    return this.#given ?? this.#fromFile(true);
  }

  /** The key of this name, if it is one that we have. */
  named(id: string): NamedKey | undefined {
    return [this.#given, this.#previous, this.#fromFile(false)].find((one) => one?.id === id);
  }

  #fromFile(mayMake: boolean): NamedKey | undefined {
    const { file } = this.options;
    if (this.#kept || file === undefined) return this.#kept;
    if (!existsSync(file)) {
      if (!mayMake) return undefined;
      mkdirSync(dirname(file), { recursive: true });
      try {
        // `wx`: of two processes at once, one key wins and both use it.
        writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    chmodSync(file, 0o600);
    this.#kept = encryptionKeyOf(new Secret(readFileSync(file, 'utf8').trim()));
    return this.#kept;
  }
}
