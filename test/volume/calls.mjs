// How long calls take while nobody browses, and while somebody does without a pause.
import { fileURLToPath } from 'node:url';
import { fixedRate, writeInputs } from '../bench/load.mjs';
import { start } from '../bench/processes.mjs';

const SOCKETS = 64;
const BROWSE = fileURLToPath(new URL('browse.mjs', import.meta.url));

/** Alternately, so that whatever else the machine does falls on both. `target`: where calls go; `base`: where people read. */
export async function measureCalls(
  target,
  base,
  { folder, readers, only, everyMs, perSecond, seconds, pieces },
) {
  const inputs = writeInputs(
    folder,
    readers.map(([, secret]) => secret),
  );
  const load = { perSecond, sockets: SOCKETS, bodyFile: inputs['1k'], keysFile: inputs.keys };
  // Both once unmeasured: compiled code and a warm cache are measured and not their making.
  const runs = [];
  for (let piece = 0; piece <= pieces; piece += 1) {
    // Whoever goes first finds another machine than whoever goes second, so they take turns.
    for (const browsing of piece % 2 === 0 ? [false, true] : [true, false]) {
      const reader = browsing ? browse(base, { readers, only, everyMs }) : undefined;
      const result = await fixedRate(target, { ...load, seconds: piece === 0 ? 5 : seconds }, 'elsewhere');
      const read = (await reader?.stop()) ?? 0;
      if (piece > 0) runs.push({ browsing, read, ...result });
    }
  }
  return { runs, ...comparisonOf(runs) };
}

/** Medians of the pieces, and what browsing makes of them. */
function comparisonOf(runs) {
  const medians = (browsing, member) =>
    median(runs.filter((run) => run.browsing === browsing).map((run) => run[member]));
  const [p50, p99] = ['p50Ms', 'p99Ms'].map((member) => ({
    alone: medians(false, member),
    browsing: medians(true, member),
  }));
  return { p50, p99, p50Ratio: p50.browsing / p50.alone, p99Ratio: p99.browsing / p99.alone };
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
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
