import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { giveWay } from './give-way.js';

const { PRIORITY_BELOW_NORMAL } = constants.priority;

let child: ChildProcess;
afterEach(() => child.kill('SIGKILL'));

/** Does nothing until it is ended. */
async function start(detached: boolean): Promise<number> {
  child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)'], {
    detached,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (child.stdout) await once(child.stdout, 'data');
  return child.pid ?? -1;
}

const groupOf = (pid: number | string): string =>
  existsSync(`/proc/${pid}/autogroup`) ? readFileSync(`/proc/${pid}/autogroup`, 'utf8') : '';

describe('a process that gives way', () => {
  it('comes after others, on all its threads, and so does its session where it leads one', async () => {
    const pid = await start(true);
    expect(giveWay(pid)).toBe(true);
    expect(getPriority(pid)).toBe(PRIORITY_BELOW_NORMAL);
    if (groupOf(pid) !== '') expect(groupOf(pid)).toMatch(new RegExp(`nice ${PRIORITY_BELOW_NORMAL}$`, 'm'));
  });

  it('takes nobody else of its session along', async () => {
    const before = groupOf('self');
    const pid = await start(false);
    expect(giveWay(pid)).toBe(true);
    expect(getPriority(pid)).toBe(PRIORITY_BELOW_NORMAL);
    expect(groupOf('self')).toBe(before);
  });

  it('may be gone', async () => {
    const pid = await start(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(giveWay(pid)).toBe(false);
  });
});
