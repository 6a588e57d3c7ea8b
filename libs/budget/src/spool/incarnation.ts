import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

const SOCKET = 'alive.sock';
/** Tells a directory that was shown once (and whose socket is now gone) from one that is just being made. */
const SHOWN = 'shown';
/** The kernel's limit for a socket's path is 104 to 108 bytes, by system. */
const MAX_SOCKET_PATH = 100;
const BEAT_MS = 15_000;
/** Another machine's process (a shared volume) counts as dead after this silence; on our own machine the socket tells at once. */
const SILENT_ELSEWHERE_MS = 180_000;

/** `host.random`: unique to one run of one process. */
export function newIncarnation(): string {
  return `${ownHost()}.${randomBytes(8).toString('hex')}`;
}

/** Whose directory this is: `owner`, or `adopter@owner` after an adoption. */
export function ownerOf(directoryName: string): string {
  return directoryName.split('@')[0] ?? directoryName;
}

/** Who wrote the records in it. */
export function writerOf(directoryName: string): string {
  return directoryName.split('@').at(-1) ?? directoryName;
}

/**
 * Shows other processes that the owner of `directory` lives: a socket that the kernel closes with the process, however it
 * ends. A paused process still counts as alive, and so it must: it may write again.
 */
export class AliveMark {
  #server: Server | undefined;
  #beat: NodeJS.Timeout | undefined;

  /** `lost` is called when the directory is gone: somebody took this process for dead. */
  async show(directory: string, lost: () => void): Promise<void> {
    await withShortPath(directory, (path) => {
      const server = createServer((socket) => socket.destroy());
      this.#server = server;
      server.unref();
      return new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    });
    writeFileSync(join(directory, SHOWN), '', { mode: 0o600 });
    this.#beat = setInterval(() => {
      try {
        const now = new Date();
        utimesSync(directory, now, now);
      } catch {
        // The only reason to fail is that the directory was taken away; the ledger stops taking new work then.
        if (!existsSync(directory)) lost();
      }
    }, BEAT_MS);
    this.#beat.unref();
  }

  hide(): void {
    clearInterval(this.#beat);
    this.#server?.close();
  }
}

/** Whether the owner ever got as far as showing that it lives. */
export function wasShown(directory: string): boolean {
  return existsSync(join(directory, SHOWN));
}

/** Whether the process that owns `directory` can still write to it. */
export async function isOwnerAlive(directory: string, owner: string): Promise<boolean> {
  if (!owner.startsWith(`${ownHost()}.`)) {
    return Date.now() - statSync(directory).mtimeMs < SILENT_ELSEWHERE_MS;
  }
  return withShortPath(directory, (path) => answers(path));
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // Nobody listens, or there never was a socket. Anything else (permissions, descriptors) proves nothing: then it lives.
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

/** A socket's path is short by law and a data directory may be deep: then a link with a short name stands in. */
async function withShortPath<T>(directory: string, use: (path: string) => Promise<T>): Promise<T> {
  const direct = join(directory, SOCKET);
  if (Buffer.byteLength(direct) <= MAX_SOCKET_PATH) return use(direct);
  const folder = mkdtempSync(join(tmpdir(), 'tg-'));
  try {
    symlinkSync(directory, join(folder, 'd'));
    return await use(join(folder, 'd', SOCKET));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function ownHost(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9-]/g, '-')
      .slice(0, 64) || 'host'
  );
}
