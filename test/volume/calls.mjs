// How long calls take while nobody browses, and while somebody does without a pause.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixedRate, writeInputs } from '../bench/load.mjs';
import { ask } from './measure.mjs';
import { routesAt } from './routes.mjs';

const SOCKETS = 64;

/** Alternately, so that whatever else the machine does falls on both. `target`: where calls go; `base`: where people read. */
export async function measureCalls(target, base, { folder, readers, perSecond, seconds, pieces, isWanted }) {
  const inputs = writeInputs(
    folder,
    readers.map(([, secret]) => secret),
  );
  const load = { perSecond, sockets: SOCKETS, bodyFile: inputs['1k'], keysFile: inputs.keys };
  await fixedRate(target, { ...load, seconds: 5 });
  const runs = [];
  for (let piece = 0; piece < pieces; piece += 1) {
    for (const browsing of [false, true]) {
      const reader = browsing ? browse(base, readers, isWanted) : undefined;
      const result = await fixedRate(target, { ...load, seconds });
      runs.push({ browsing, read: (await reader?.stop()) ?? 0, ...result });
    }
  }
  writeFileSync(join(folder, 'calls.json'), JSON.stringify(runs));
  return runs;
}

/** One person after the other through every list, without a pause. */
function browse(base, readers, isWanted) {
  let goesOn = true;
  let read = 0;
  const done = (async () => {
    for (let round = 0; goesOn; round += 1)
      for (const [, secret] of readers)
        for (const [, path, body] of routesAt(round).filter(isWanted)) {
          if (!goesOn) return;
          await ask(base, secret, path, body);
          read += 1;
        }
  })();
  return {
    async stop() {
      goesOn = false;
      await done;
      return read;
    },
  };
}
