import fc from 'fast-check';
import { play } from '../histories/play.js';
import { Reports } from '../histories/reports.js';
import { anyHistory, type History, type Wildness } from '../histories/script.js';
import { Stage } from '../histories/stage.js';

/**
 * The long version of test/e2e/histories: `npm run chaos -- histories 200 [SEED [STAGE]]`. First on the embedded store, then with processes that
 * end at any moment, then on two replicas with a Redis. What fails is made as small as it can be within a few minutes.
 */
const histories = Number(process.argv[2] ?? 200);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_007);
if (!Number.isInteger(histories) || histories < 1 || !Number.isInteger(seed)) {
  process.stderr.write('histories and the seed must be whole numbers\n');
  process.exit(2);
}
/** One of the stages below, for all the histories. */
const only = process.argv[4];
const SHRINKING_MS = 120_000;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface Mode extends Omit<Wildness, 'steps'> {
  readonly share: number;
  readonly start: () => Promise<Stage>;
}
const STAGES: Readonly<Record<string, Mode>> = {
  'one process': { share: 1, deaths: 0, start: () => Stage.embedded() },
  'one process that ends': { share: 0.2, deaths: 12, start: () => Stage.embedded() },
  'two replicas': { share: 0.5, deaths: 0, start: () => Stage.replicated(2) },
  'two replicas that end': { share: 0.2, deaths: 12, start: () => Stage.replicated(2) },
  'two replicas whose Redis fails': { share: 0.2, deaths: 6, harms: 20, start: () => Stage.replicated(2) },
};

say(`seed ${seed}`);
for (const [name, { share, start, ...wild }] of Object.entries(STAGES)) {
  if (only !== undefined && only !== name) continue;
  const numRuns = Math.max(1, Math.round(histories * (only === undefined ? share : 1)));
  const stage = await start();
  let played = 0;
  let failedAtMs = Infinity;
  try {
    const result = await fc.check(
      fc.asyncProperty(anyHistory({ steps: 14, ...wild }), async (history: History) => {
        // A history that is not played is none that fails: that ends the search for a smaller one.
        if (Date.now() - failedAtMs > SHRINKING_MS) return;
        const { problems } = await play(stage, history);
        played += 1;
        if (played % 10 === 0) say(`${name}: ${played}`);
        if (problems.length === 0) return;
        if (failedAtMs === Infinity) say(problems.join('\n'));
        failedAtMs = Math.min(failedAtMs, Date.now());
        throw new Error(problems.join('\n'));
      }),
      { seed, numRuns },
    );
    if (result.failed) {
      process.exitCode = 1;
      say(
        `${name}: seed ${seed}, path ${result.counterexamplePath}, made smaller ${result.numShrinks} times`,
      );
      say(String((result.errorInstance as Error | null)?.message));
      say(JSON.stringify(result.counterexample?.[0]));
      continue;
    }
    const differences = await new Reports(stage).compare();
    if (differences.length > 0) process.exitCode = 1;
    say(`${name}: ${played} histories, ${differences.length} reports differ`);
    for (const difference of differences) say(difference);
  } finally {
    await stage.dispose();
  }
}
process.exit();
