import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { constants, getPriority, hostname, networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '#libs/kernel';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../../../test/harness/postgres.js';
import { BrowsingPool } from '../browsing-pool.js';
import { openCluster } from './cluster.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
import { isAlive } from './processes.js';
import { findFreePort, startServer } from './server.js';

let dataDir: string;
const running: EmbeddedPostgres[] = [];

beforeEach(() => {
  // Readable by its owner only, as root's home is: the server's account must manage to work inside.
  dataDir = join(mkdtempSync(join(tmpdir(), 'tollgate-embedded-')), 'data');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((postgres) => postgres.stop()));
  rmSync(join(dataDir, '..'), { recursive: true, force: true });
});

async function start(): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, logger: silentLogger });
  running.push(postgres);
  return postgres;
}

async function ask(url: Secret, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url.reveal() });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the embedded PostgreSQL', () => {
  it('reads for people with what calls leave of the processors', async () => {
    const { url } = await start();
    const priorityOf = async (source: DataSource): Promise<number> => {
      const [row]: { pid: number }[] = await source.query('SELECT pg_backend_pid() AS pid');
      return getPriority(row?.pid ?? -1);
    };
    for (const [isOwnServer, priority] of [
      [true, constants.priority.PRIORITY_BELOW_NORMAL],
      [false, getPriority()],
    ] as const) {
      const pool = new BrowsingPool({ url, isOwnServer }, silentLogger);
      expect(await priorityOf(await pool.source())).toBe(priority);
      await pool.close();
    }
  });

  it('keeps its data through a stop, and starts warm in well under two seconds', async () => {
    const first = await start();
    await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    const startedAt = performance.now();
    const second = await start();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(await ask(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    const [{ version }] = (await ask(second.url, 'SHOW server_version')).map((row) => ({
      version: (row as { server_version: string }).server_version,
    })) as [{ version: string }];
    expect(version).toMatch(/^18\./);
  });

  it('shows its password to nobody: not in its arguments, not to other users of the machine', async () => {
    const postgres = await start();
    const password = new URL(postgres.url.reveal()).password;
    expect(password).toMatch(/^[0-9a-f]{48}$/);
    expect(statSync(join(dataDir, 'postgres.password')).mode & 0o077).toBe(0);
    expect(statSync(dataDir).mode & 0o077).toBe(0);
    if (process.platform === 'linux') {
      expect(readFileSync(`/proc/${postgres.pid}/cmdline`, 'utf8')).not.toContain(password);
      expect(readFileSync(`/proc/${postgres.pid}/environ`, 'utf8')).not.toContain(password);
    }
    const guessed = new Secret(postgres.url.reveal().replace(password, 'guess'));
    await expect(ask(guessed, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('listens on the loopback address only', async () => {
    const { port } = await start();
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address && !address.internal && address.family === 'IPv4');
    const refused = await new Promise((resolve) => {
      const socket = connect(port, outside?.address ?? '127.0.0.2');
      socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    });
    expect(refused).toBe(true);
  });

  it('is refused, with a way out, while another start uses the directory', async () => {
    await start();
    await expect(start()).rejects.toThrow(/in use by process \d+.*--data-dir/);
    await running.splice(0)[0]?.stop();
    await start();
  });

  /** What `kill -9` of the gateway leaves: a lock of a dead process, and a server that still runs. */
  it('ends a server that a killed process left behind, and keeps what was committed', async () => {
    const first = await start();
    await ask(first.url, 'CREATE TABLE kept AS SELECT 1 AS one');
    await running.splice(0)[0]?.stop();
    const orphan = await startServer(
      await openCluster(dataDir, silentLogger, false),
      await findFreePort(),
      silentLogger,
      false,
    );
    writeFileSync(
      join(dataDir, 'tollgate.lock'),
      JSON.stringify({ pid: process.pid, start: 'long ago', host: hostname() }),
    );
    const second = await start();
    expect(isAlive(orphan.pid)).toBe(false);
    expect(await ask(second.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
  });

  /** In a container process ids begin at 1 again: the id in an old pid file is soon somebody else's, who must not be hurt. */
  it('starts although the old pid file names a process that lives and is not a server', async () => {
    await (await start()).stop();
    running.splice(0);
    writeFileSync(
      join(dataDir, 'postgres', 'postmaster.pid'),
      `${process.pid}\n/somewhere\n1\n5432\n\n127.0.0.1\n0\nready\n`,
    );
    expect(await ask((await start()).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is started again on the same port when it is killed', async () => {
    const postgres = await start();
    const { pid, port } = postgres;
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(postgres.pid).not.toBe(pid), { timeout: 20_000, interval: 50 });
    expect(postgres.port).toBe(port);
    expect(await ask(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('begins anew after its making was interrupted', async () => {
    mkdirSync(join(dataDir, 'postgres.new', 'base'), { recursive: true });
    writeFileSync(join(dataDir, 'postgres.password'), 'of the interrupted one\n');
    expect(await ask((await start()).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('says what to do with a cluster of another major version, and touches nothing', async () => {
    mkdirSync(join(dataDir, 'postgres'), { recursive: true });
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '15\n');
    writeFileSync(join(dataDir, 'postgres.password'), 'x\n');
    await expect(start()).rejects.toThrow(/PostgreSQL 15.*brings PostgreSQL 18/);
    expect(readFileSync(join(dataDir, 'postgres.password'), 'utf8')).toBe('x\n');
  });
});
