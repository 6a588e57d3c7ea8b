import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/** A tenth of what others get while they want all: who looks at a busy system is answered slowly, and still answered. */
const { PRIORITY_BELOW_NORMAL } = constants.priority;

/**
 * From now on a process of ours comes after others when they want the processors: for good, because only root could undo it. False when the
 * system does not let us, or the process is gone; then everything works on, only later.
 */
export function giveWay(pid: number): boolean {
  try {
    for (const thread of threadsOf(pid)) setPriority(thread, PRIORITY_BELOW_NORMAL);
  } catch {
    return false;
  }
  lowerGroup(pid);
  return true;
}

/** Linux gives every thread a priority of its own, and a process that of its first. */
function threadsOf(pid: number): readonly number[] {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/task`).map(Number) : [pid];
}

/**
 * Where Linux weighs sessions against each other (`sched_autogroup_enabled`), a priority counts only within its session, and every
 * process of PostgreSQL's leads one of its own: so the session itself has to give way.
 */
function lowerGroup(pid: number): void {
  if (process.platform !== 'linux' || sessionOf(pid) !== pid) return;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(PRIORITY_BELOW_NORMAL));
  } catch {
    // No such thing here, or asked too often (once in 100 ms for whoever is not root): the priority alone is what there is.
  }
}

function sessionOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may contain spaces and brackets, so count from its end; the session is the 6th field.
    return Number(fields.slice(fields.lastIndexOf(')') + 2).split(' ')[3]);
  } catch {
    return undefined;
  }
}
