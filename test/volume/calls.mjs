// How long calls take while nobody browses, while somebody does, and while a stranger keeps the processors as busy as browsing does.
import { constants, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { fixedRate, writeInputs } from '../bench/load.mjs';
import { start } from '../bench/processes.mjs';

const SOCKETS = 64;
const WARM_UP_SECONDS = 5;
const BROWSE = fileURLToPath(new URL('browse.mjs', import.meta.url));
const STRANGER = fileURLToPath(new URL('stranger.mjs', import.meta.url));
const KINDS = ['nobody', 'browsing', 'stranger'];
/** That of the process which reads lists and reports. */
const GIVES_WAY = constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * `target`: where calls go; `base`: where people read; `place`: where both that and the stranger run. A machine that has more to do answers calls
 * later, whatever it does: the stranger tells how much of what browsing costs is that.
 */
export async function measureCalls(
  target,
  base,
  { folder, readers, only, everyMs, perSecond, seconds, pieces, place },
) {
  const inputs = writeInputs(
    folder,
    readers.map(([, secret]) => secret),
  );
  const load = { perSecond, sockets: SOCKETS, bodyFile: inputs['1k'], keysFile: inputs.keys };
  const beside = {
    nobody: () => undefined,
    browsing: () => browse(base, { readers, only, everyMs }),
    stranger: () => stranger(place, shareOfBrowsing),
  };
  const piece = async (kind, length) => {
    const other = beside[kind]();
    const before = busyMs();
    const result = await fixedRate(target, { ...load, seconds: length }, 'elsewhere');
    const busyShare = (busyMs() - before) / (length * 1_000);
    return { kind, busyShare, read: (await other?.stop()) ?? 0, ...result };
  };
  // Unmeasured: compiled code and a warm cache are measured and not their making, and how busy browsing keeps the processors is learnt.
  let shareOfBrowsing = 0;
  await piece('browsing', WARM_UP_SECONDS);
  const [alone, browsing] = [
    await piece('nobody', WARM_UP_SECONDS),
    await piece('browsing', WARM_UP_SECONDS),
  ];
  shareOfBrowsing = Math.max(0, browsing.busyShare - alone.busyShare);
  const runs = [];
  for (let round = 0; round < pieces; round += 1) {
    // Whoever goes first finds another machine than whoever goes next, so they take turns.
    for (let turn = 0; turn < KINDS.length; turn += 1)
      runs.push(await piece(KINDS[(round + turn) % KINDS.length], seconds));
  }
  return { shareOfBrowsing, runs, ...comparisonOf(runs) };
}

/** Medians of the pieces, by kind. */
function comparisonOf(runs) {
  const medians = (member) =>
    Object.fromEntries(
      KINDS.map((kind) => [kind, median(runs.filter((run) => run.kind === kind).map((run) => run[member]))]),
    );
  return { p50: medians('p50Ms'), p99: medians('p99Ms') };
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What all processors together have done since the machine began. */
function busyMs() {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}

/** One person after the other through every list, without a pause: in a process of its own, as on a machine of its own. */
function browse(base, reading) {
  const child = start('others', process.execPath, [BROWSE], {
    env: { ...process.env, BROWSE: JSON.stringify({ base, ...reading }) },
  });
  return {
    async stop() {
      await child.stop();
      return JSON.parse(child.output()).read;
    },
  };
}

/** As many processes as it takes; none of them wants all of a processor. */
function stranger(place, share) {
  const count = Math.ceil(share);
  const env = { ...process.env, STRANGER: JSON.stringify({ share: share / count, priority: GIVES_WAY }) };
  const children = Array.from({ length: count }, () => start(place, process.execPath, [STRANGER], { env }));
  return {
    async stop() {
      for (const child of children) await child.stop();
      return 0;
    },
  };
}
