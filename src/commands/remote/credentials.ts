import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export interface StoredLogin {
  readonly url: string;
  readonly key: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:4000';

/** Where `tollgate login` keeps what it was told; readable by its owner only. */
export function loginFile(environment: NodeJS.ProcessEnv): string {
  const folder = environment['XDG_CONFIG_HOME'] ?? join(environment['HOME'] ?? homedir(), '.config');
  return join(folder, 'tollgate', 'login.json');
}

export function saveLogin(login: StoredLogin, environment: NodeJS.ProcessEnv): string {
  const file = loginFile(environment);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // A new file every time: one that is there keeps its mode, whatever is written into it.
  rmSync(file, { force: true });
  writeFileSync(file, `${JSON.stringify(login)}\n`, { mode: 0o600, flag: 'wx' });
  return file;
}

/** Deletes what `tollgate login` kept, and tells what it was. */
export function forgetLogin(environment: NodeJS.ProcessEnv): StoredLogin | undefined {
  const file = loginFile(environment);
  const stored = readLogin(file);
  rmSync(file, { force: true });
  return stored;
}

/** The server that somebody named, by flag or by variable. */
export function namedUrl(flag: string | undefined, environment: NodeJS.ProcessEnv): string | undefined {
  return flag ?? (environment['TOLLGATE_URL'] || undefined);
}

/**
 * Which server, and as whom: the environment first (TOLLGATE_URL, TOLLGATE_API_KEY, LITELLM_MASTER_KEY), then the last login, then the
 * key that a server on this machine keeps in its data directory. A key is never an argument: other users of a machine see those.
 */
export function findLogin(
  options: { readonly url?: string | undefined; readonly dataDir?: string | undefined },
  environment: NodeJS.ProcessEnv,
): { readonly url: string; readonly key: string | undefined } {
  const stored = readLogin(loginFile(environment));
  const url = namedUrl(options.url, environment) ?? stored?.url ?? DEFAULT_URL;
  const fromEnvironment = environment['TOLLGATE_API_KEY'] || environment['LITELLM_MASTER_KEY'];
  // A key goes only to the server it was given for.
  const fromLogin = stored?.url === url ? stored.key : undefined;
  const own = join(options.dataDir ?? environment['TOLLGATE_DATA_DIR'] ?? '.tollgate', 'master-key');
  const isLocal = /^https?:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::|\/|$)/.test(url);
  return {
    url,
    key:
      fromEnvironment ||
      fromLogin ||
      (isLocal && existsSync(own) ? readFileSync(own, 'utf8').trim() : undefined),
  };
}

function readLogin(file: string): StoredLogin | undefined {
  if (!existsSync(file)) return undefined;
  if ((statSync(file).mode & 0o077) !== 0)
    throw new Error(`${file} can be read by other users; run: chmod 600 ${file}`);
  return JSON.parse(readFileSync(file, 'utf8')) as StoredLogin;
}
