import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { play } from '../histories/play.js';
import { Reports } from '../histories/reports.js';
import { anyHistory } from '../histories/script.js';
import { Stage } from '../histories/stage.js';

/** The same every time, so that who changes something is not surprised by an old defect; `HISTORIES_SEED` plays others, as `npm run chaos -- histories` does. */
const SEED = Number(process.env['HISTORIES_SEED'] ?? 20_261_122);
const RUNS = 8;
const MOST_MS = 20_000;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.embedded();
});
afterAll(() => stage?.dispose());

/** Who can be asked from outside must say the same as who was billed. The long version: `npm run chaos -- histories`. */
describe('whatever is called and changed, in whatever order', () => {
  it(`costs what was billed, passes no cap, and refuses only what cannot be paid (seed ${SEED})`, async () => {
    const deadline = Date.now() + MOST_MS;
    await fc.assert(
      fc.asyncProperty(anyHistory({ steps: 8, deaths: 0 }), async (history) => {
        // On a slow machine fewer: a history that was begun is played to its end.
        if (Date.now() > deadline) return;
        expect((await play(stage, history)).problems).toEqual([]);
      }),
      { seed: SEED, numRuns: RUNS, endOnFailure: true },
    );
  });

  it('is the same money in every report an administrator can ask for', async () => {
    expect(await new Reports(stage).compare()).toEqual([]);
  });
});
