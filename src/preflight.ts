import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { ConfigError } from '#libs/config';

const REASONS: Readonly<Record<string, (host: string, port: number) => [string, string]>> = {
  EADDRINUSE: (host, port) => [
    '--port',
    `${port} on ${host} is in use by another program. Stop that one, or choose another port (--port, PORT).`,
  ],
  EACCES: (_host, port) => ['--port', `${port} may not be opened by this user; choose a port above 1023.`],
  EADDRNOTAVAIL: (host) => ['--host', `${host} is not an address of this machine.`],
  ENOTFOUND: (host) => ['--host', `${host} is not an address, and no name that can be resolved.`],
};

/**
 * Refuses with a sentence when the port cannot be opened, before any store is started for nothing. Who takes the port in the
 * moment between still makes `listen` fail.
 */
export async function assertPortFree(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ''];
    if (!reason) throw error;
    const [path, message] = reason(host, port);
    throw new ConfigError([{ path, message }]);
  }
  await new Promise((resolve) => server.close(resolve));
}

/** The data directory exists from here on, and this process may write into it. */
export function assertDataDirUsable(dataDir: string): void {
  const problem = findDataDirProblem(dataDir) ?? makeFolder(resolve(dataDir));
  if (problem === undefined) return;
  throw new ConfigError([
    { path: '--data-dir', message: `${dataDir}: ${problem}. Choose another directory.` },
  ]);
}

/** Why the directory cannot be used, or made; undefined when it can. Makes nothing. */
export function findDataDirProblem(dataDir: string): string | undefined {
  const there = nearest(resolve(dataDir));
  try {
    if (!statSync(there).isDirectory()) return 'there is a file in its way';
    accessSync(there, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    return code === 'EROFS'
      ? 'it is on a read-only file system'
      : `it cannot be written (${code}) by the user that runs this`;
  }
}

/** One level after the other: Node's own `recursive` asks for ever where folders cannot be made, as in /proc. */
function makeFolder(folder: string): string | undefined {
  const above = dirname(folder);
  if (existsSync(folder)) return undefined;
  const problem = existsSync(above) ? undefined : makeFolder(above);
  if (problem !== undefined) return problem;
  try {
    mkdirSync(folder);
    return undefined;
  } catch (error) {
    if (existsSync(folder)) return undefined; // another process was faster
    return `it cannot be made (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`;
  }
}

/** The folder itself, or the one it would be made in. */
export function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}
