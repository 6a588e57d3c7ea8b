import type { CommandOptions } from '../options.js';
import { AdminClient, RemoteFailure } from './admin-client.js';
import { findLogin } from './credentials.js';
import { Misuse } from './misuse.js';

/** How an answer is printed. */
export function formatOf({ output = 'table' }: CommandOptions): 'table' | 'json' {
  if (output !== 'table' && output !== 'json') throw new Misuse('-o takes json or table');
  return output;
}

/** Speaks to the server that is meant, as whoever is signed in there. */
export function signedInClient(options: CommandOptions): AdminClient {
  const { url, key } = findLogin({ url: options.url, dataDir: options['data-dir'] }, process.env);
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new Misuse(`${url} is not an address: http://HOST:PORT is meant`);
  if (key === undefined) throw new RemoteFailure('no key: set TOLLGATE_API_KEY, or run tollgate login', 3);
  return new AdminClient(url, key);
}

/** The exit code of `work`; what the server refuses is told on standard error, and has a code of its own. */
export async function reporting(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    process.stderr.write(`tollgate: ${error.message}\n`);
    return error.exitCode;
  }
}
