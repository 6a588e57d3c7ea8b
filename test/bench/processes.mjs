// Child processes of the benchmark: pinned to cores where the machine lets us, ended by id, never outliving the run.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus } from 'node:os';

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const canPin = cpus().length > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;
const LAST = cpus().length - 1;
const OTHERS = LAST > 1 ? `1-${LAST}` : '1';
const CORES = { gateway: '0', others: OTHERS, elsewhere: OTHERS, everything: `0-${LAST}` };
const canGoFirst = spawnSync('chrt', ['-r', '1', 'true']).status === 0;

export const pinning = canPin
  ? `gateway on core ${CORES.gateway}, everything else on ${CORES.others}`
  : 'no pinning (taskset or a second core is missing): ratios are less exact';

// The benchmark itself and all it starts without a place of their own stay off the gateway's core.
if (canPin) spawnSync('taskset', ['-a', '-c', '-p', CORES.others, String(process.pid)]);

/**
 * Starts a program on the gateway's core, on the others or wherever there is room; `output()` is what it printed so far. What stands for another
 * machine (`elsewhere`) waits for nobody on this one, where the system lets us say so: its own waiting would count as the gateway's.
 */
export function start(where, command, args, options = {}) {
  const first = where === 'elsewhere' && canGoFirst ? ['chrt', '-r', '1'] : [];
  const pinned = canPin ? ['taskset', '-c', CORES[where]] : [];
  const [program, ...rest] = [...first, ...pinned, command, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const chunks = [];
  running.add(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      chunks.push(text);
      if (chunks.length > 2_000) chunks.splice(0, 1_000);
    });
  }
  child.once('close', () => running.delete(child));
  return {
    pid: child.pid,
    output: () => chunks.join(''),
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(timer);
    },
    /** Waits for its end; rejects when it fails or takes longer than `limitMs`. */
    ended(limitMs) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          child.kill('SIGKILL');
          reject(new Error(`${command} took longer than ${limitMs} ms`));
        }, limitMs);
        child.once('close', (code) => {
          clearTimeout(timer);
          if (code === 0) resolve(chunks.join(''));
          else reject(new Error(`${command} ended with ${code}: ${chunks.join('').slice(-2_000)}`));
        });
      });
    },
  };
}

/** Waits until a URL answers with a status below 500. */
export async function waitForHttp(url, child, limitMs = 60_000) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      await response.arrayBuffer();
      if (response.status < 500) return;
    } catch (error) {
      if (child.hasExited()) throw new Error(`it ended: ${child.output().slice(-2_000)}`, { cause: error });
    }
    if (Date.now() > deadline)
      throw new Error(`${url} did not answer in ${limitMs} ms: ${child.output().slice(-2_000)}`);
    await sleep(50);
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resident memory of one process in MB; undefined where /proc is not there. */
export function residentMb(pid) {
  try {
    const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kb === undefined ? undefined : Number(kb) / 1024;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** CPU time that a process has used so far, all its threads', in milliseconds (Linux). */
export function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
