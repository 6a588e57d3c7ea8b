import { statfsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Config, ConfigError } from '#libs/config';
import { assertPortFree, findDataDirProblem, nearest } from '../../preflight.js';
import { bad, type Finding, look, ok } from './finding.js';

/** What may wait for PostgreSQL in the spool before new calls are refused. */
const SPOOL_BYTES = 2 ** 30;
const TMPFS = 0x01021994;
const PROBE_MS = 1_000;

/** The data directory, its disk and the port. Makes and changes nothing. */
export async function machine({ server }: Config): Promise<Finding[]> {
  return [...dataDirectory(server.dataDir), await port(server.host, server.port)];
}

function dataDirectory(dataDir: string): Finding[] {
  const problem = findDataDirProblem(dataDir);
  if (problem !== undefined)
    return [
      bad(
        `The data directory ${dataDir} cannot be used: ${problem}. Choose another --data-dir, or give it to that user.`,
      ),
    ];
  const { bavail, bsize, type } = statfsSync(nearest(resolve(dataDir)));
  const bytes = bavail * bsize;
  const findings = [
    bytes >= SPOOL_BYTES
      ? ok(`The data directory ${dataDir} can be written, and ${inGiB(bytes)} of its disk are free.`)
      : bad(
          `Only ${inGiB(bytes)} are free where the data directory ${dataDir} is: spend waits there while PostgreSQL is away (up to 1 GiB), and calls are refused when it is full. Make room, or choose another --data-dir.`,
        ),
  ];
  if (type === TMPFS)
    findings.push(
      look(
        `The data directory ${dataDir} is in memory (tmpfs): what was spent and is not stored yet is lost with the machine. Give it a disk.`,
      ),
    );
  return findings;
}

const inGiB = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

async function port(host: string, number: number): Promise<Finding> {
  try {
    await assertPortFree(host, number);
    return ok(`Port ${number} on ${host} can be opened.`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (await answersHere(host, number)) return ok(`A gateway runs on port ${number} of ${host} already.`);
    return look(error.problems.map(({ message }) => message).join(' '));
  }
}

/** Whoever says that it lives, as we would. */
async function answersHere(host: string, number: number): Promise<boolean> {
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  try {
    const url = `http://${name.includes(':') ? `[${name}]` : name}:${number}/health/liveliness`;
    return (await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) })).headers.has('x-litellm-call-id');
  } catch {
    // No HTTP there, or nobody who answers in time: another program.
    return false;
  }
}
