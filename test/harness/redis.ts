import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOrInstall } from '../../scripts/find-or-install.mjs';
import { freePort, waitForPort } from './ports.js';
import { OwnedProcess } from './process.js';

export interface RedisServer {
  readonly url: string;
  /** False for a server that REDIS_URL names: then outages cannot be played, and nothing of others may be deleted. */
  readonly isPrivate: boolean;
  stop(): Promise<void>;
}

/** A Redis for one test file: the one that REDIS_URL names, else a private one without persistence on a free port. */
export async function startRedis(): Promise<RedisServer> {
  const given = process.env.REDIS_URL;
  if (given) return { url: given, isPrivate: false, stop: () => Promise.resolve() };
  const program = findOrInstall('redis');
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-redis-'));
  const port = await freePort();
  const network = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const store = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'];
  const server = new OwnedProcess(program, [...network, ...store, '--daemonize', 'no']);
  await waitForPort(port, 10_000, () => (server.hasExited ? `redis ended:\n${server.output}` : undefined));
  return {
    url: `redis://127.0.0.1:${port}`,
    isPrivate: true,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
