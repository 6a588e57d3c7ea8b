import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOrInstall } from '../../scripts/find-or-install.mjs';
import { makeCertificate } from './certificates.js';
import { freePort, waitForPort } from './ports.js';
import { OwnedProcess } from './process.js';

export interface RedisServer {
  readonly url: string;
  /** False for a server that REDIS_URL names: then outages cannot be played, and nothing of others may be deleted. */
  readonly isPrivate: boolean;
  stop(): Promise<void>;
  /** kill -9, of a private one: what it remembered is gone. */
  kill(): Promise<void>;
  /** Starts a private one again on the same port, empty. */
  restart(): Promise<void>;
}

/** One of the test's own. */
export interface PrivateRedis extends RedisServer {
  readonly authorityFile: string;
  /** Stands still until `thaw`: connections stay, nobody answers. */
  freeze(): void;
  thaw(): void;
}

/** A Redis for one test file: the one that REDIS_URL names, else a private one without persistence on a free port. */
export async function startRedis(): Promise<RedisServer> {
  const given = process.env.REDIS_URL;
  if (given) {
    const refuse = (): Promise<void> => Promise.reject(new Error('REDIS_URL names the Redis of others'));
    return { url: given, isPrivate: false, stop: () => Promise.resolve(), kill: refuse, restart: refuse };
  }
  return startPrivateRedis();
}

export interface PrivateRedisOptions {
  /** Speaks TLS only, with a certificate for `localhost` that an authority of its own signed. */
  readonly tls?: boolean;
  readonly password?: string;
  /** Where it listens; absent: a free port. */
  readonly port?: number;
}

/** One that may be emptied, killed and brought back, whatever REDIS_URL says. */
export async function startPrivateRedis(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
  const program = findOrInstall('redis');
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-redis-'));
  const port = options.port ?? (await freePort());
  const authorityFile = join(folder, 'ca.pem');
  const network = ['--bind', '127.0.0.1', '--dir', folder];
  if (options.tls) {
    const { authority, cert, key } = makeCertificate('localhost');
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    writeFileSync(authorityFile, authority);
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
    network.push('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no');
    network.push('--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', authorityFile);
  } else network.push('--port', String(port));
  if (options.password !== undefined) network.push('--requirepass', options.password);
  const store = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'];
  const start = async (): Promise<OwnedProcess> => {
    const started = new OwnedProcess(program, [...network, ...store, '--daemonize', 'no']);
    await waitForPort(port, 10_000, () =>
      started.hasExited ? `redis ended:\n${started.output}` : undefined,
    );
    return started;
  };
  let server = await start();
  const login = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return {
    url: options.tls ? `rediss://${login}localhost:${port}` : `redis://${login}127.0.0.1:${port}`,
    authorityFile,
    isPrivate: true,
    kill: () => server.kill(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    async restart() {
      server = await start();
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
