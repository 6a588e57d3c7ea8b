import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '#libs/kernel';
import { SUPERUSER } from './cluster.js';
import { DATABASE } from './embedded-postgres.js';

/** Which line of `postmaster.pid` holds the port. */
const PORT_LINE = 3;

/** How to reach the embedded server that another process of ours runs on this data directory; undefined when nothing says that one does. */
export function runningEmbeddedUrl(dataDir: string): Secret | undefined {
  try {
    const port = Number(
      readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[PORT_LINE],
    );
    const password = readFileSync(join(dataDir, 'postgres.password'), 'utf8').trim();
    return Number.isInteger(port)
      ? new Secret(`postgres://${SUPERUSER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${DATABASE}`)
      : undefined;
  } catch {
    // A file that is not there: no server was started here, or not by us.
    return undefined;
  }
}
