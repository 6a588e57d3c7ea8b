import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';

/** Whether a process of that id runs, ours or anybody's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, as the system counts it: with its id it names one process, though ids are used again. Undefined when it is gone. */
export function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name may contain spaces and brackets, so count from its end; the start is the 22nd field.
      return fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    // The process is gone.
    return undefined;
  }
}

/** Whether `pid` is a PostgreSQL server of the cluster in `directory`. Never by name alone: other servers may run here. */
export function isServerOf(pid: number, directory: string): boolean {
  try {
    const real = realpathSync(directory);
    if (process.platform === 'linux') {
      // A server works inside its data directory. Its program may have been deleted by an upgrade since.
      return (
        /\/postgres( \(deleted\))?$/.test(readlinkSync(`/proc/${pid}/exe`)) &&
        readlinkSync(`/proc/${pid}/cwd`) === real
      );
    }
    const command = execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return command.includes('postgres') && command.includes(real);
  } catch {
    // Gone, or somebody else's: in both cases not ours.
    return false;
  }
}

/** Waits until a process is gone; false when it still runs after `withinMs`. */
export async function hasEnded(pid: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(pid)) {
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}
