import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryInUse, DirectoryLock } from './directory-lock.js';
import { startOf } from './processes.js';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tollgate-lock-'));
  file = join(directory, 'tollgate.lock');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Taken by this process, and by nobody else until it lets go. */
async function expectTaken(): Promise<void> {
  const lock = await DirectoryLock.take(directory);
  await expect(DirectoryLock.take(directory)).rejects.toBeInstanceOf(DirectoryInUse);
  lock.release();
}

const leave = (holder: object): void => writeFileSync(file, JSON.stringify(holder));

describe('the lock of a data directory', () => {
  it('is given to one at a time, and leaves nothing behind', async () => {
    await expectTaken();
    expect(readdirSync(directory)).toEqual([]);
    await expectTaken();
  });

  it('is taken from a process that is gone', async () => {
    leave({ pid: 2 ** 30, start: '1', host: hostname() });
    await expectTaken();
  });

  /** Ids are used again, in containers at once: the id alone would lock an operator out after every crash. */
  it('is taken from a process whose id belongs to another one now', async () => {
    leave({ pid: process.pid, start: 'another time', host: hostname() });
    await expectTaken();
  });

  it('is not taken from a living process', async () => {
    leave({ pid: process.ppid, start: startOf(process.ppid), host: hostname() });
    await expect(DirectoryLock.take(directory)).rejects.toThrow(`process ${process.ppid}`);
  });

  /** Two containers with one volume: neither sees the other's processes, and both are process 1. */
  it('is not taken from another host that still touches it, and is when it no longer does', async () => {
    leave({ pid: process.pid, start: startOf(process.pid), host: 'another-container' });
    const touching = setInterval(() => utimesSync(file, new Date(), new Date()), 50);
    await expect(DirectoryLock.take(directory, 200)).rejects.toThrow('on another-container');
    clearInterval(touching);
    (await DirectoryLock.take(directory, 200)).release();
  });

  it('is taken when the file is damaged', async () => {
    writeFileSync(file, '{"pid":');
    await expectTaken();
  });

  it('is not removed by a holder who lost it', async () => {
    const lock = await DirectoryLock.take(directory);
    leave({ pid: process.ppid, start: startOf(process.ppid), host: hostname() });
    lock.release();
    expect(existsSync(file)).toBe(true);
  });
});
