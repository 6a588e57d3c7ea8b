import { setTimeout as delay } from 'node:timers/promises';
import { ask, keepAlive, type Seen } from '../harness/load.js';
import { RevokedFleet } from '../harness/revoked-fleet.js';

/**
 * `npm run chaos -- revocation [BLOCKS [RATE]]`: keys blocked one after the other on one replica, while calls come to three of them at a
 * fixed rate, half of them with the key that is about to be blocked. Whoever began to ask after the admin was answered is
 * refused, everywhere. Then the same with the wire cut, or silent, over which one replica hears of changes.
 */
const blocks = Number(process.argv[2] ?? 100);
const rate = Number(process.argv[3] ?? 1_000);
/** How long calls go on after a block was answered. */
const WATCHED_MS = 300;
const TICK_MS = 5;
/** Admitted calls before a key is blocked: two for each replica. */
const ENOUGH = 6;

interface Watched extends Seen {
  readonly replica: number;
}

const agent = keepAlive(256);
let calls = 0;
let failedOthers = 0;

/** Calls at the rate, whether or not earlier ones were answered, until stopped. */
function storm(
  fleet: RevokedFleet,
  subject: string,
  other: string,
): { readonly seen: readonly Watched[]; stop(): Promise<readonly Watched[]> } {
  const under: Promise<void>[] = [];
  const seen: Watched[] = [];
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) * rate) / 1_000);
    for (; sent < due; sent += 1) {
      const number = (calls += 1);
      const isSubject = number % 2 === 0;
      const replica = Math.floor(number / 2) % fleet.products.length;
      const key = isSubject ? subject : other;
      under.push(
        ask(fleet.products[replica]?.url ?? '', { key, id: `c${number}`, agent }).then((one) => {
          if (isSubject) seen.push({ ...one, replica });
          else if (one.status !== 200) failedOthers += 1;
        }),
      );
    }
  }, TICK_MS);
  return {
    seen,
    async stop() {
      clearInterval(timer);
      await Promise.all(under);
      return seen;
    },
  };
}

interface Block {
  readonly ms: number;
  readonly receipt: string;
  readonly admittedBefore: number;
  readonly admittedAfter: number;
  /** Refused calls that began after the answer, by replica. */
  readonly refusedAfter: readonly number[];
}

async function blockUnderLoad(fleet: RevokedFleet, other: string, whenUnderWay?: () => void): Promise<Block> {
  const key = await fleet.first.makeKey();
  const load = storm(fleet, key, other);
  const deadline = performance.now() + 10_000;
  while (load.seen.filter(({ status }) => status === 200).length < ENOUGH && performance.now() < deadline)
    await delay(20);
  await delay(WATCHED_MS);
  whenUnderWay?.();
  const askedAt = performance.now();
  const response = await fleet.first.request('POST', '/key/block', { key });
  const answeredAt = performance.now();
  if (response.status !== 200) throw new Error(`/key/block answered ${response.status}`);
  await delay(WATCHED_MS);
  const seen = await load.stop();
  const after = seen.filter(({ startedAt }) => startedAt >= answeredAt);
  return {
    ms: answeredAt - askedAt,
    receipt: response.headers.get('x-tollgate-revocation') ?? '',
    admittedBefore: seen.filter(({ startedAt, status }) => startedAt < answeredAt && status === 200).length,
    admittedAfter: after.filter(({ status }) => status === 200).length,
    refusedAfter: fleet.products.map(
      (_, replica) =>
        after.filter((one) => one.replica === replica && (one.status === 401 || one.status === 503)).length,
    ),
  };
}

const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0);
};

const fleet = await RevokedFleet.start();
const problems: string[] = [];
try {
  const other = await fleet.first.makeKey();
  const rows: Block[] = [];
  const startedAt = performance.now();
  for (let number = 0; number < blocks; number += 1) rows.push(await blockUnderLoad(fleet, other));
  const seconds = (performance.now() - startedAt) / 1_000;
  const callsPerSecond = Math.round(calls / seconds);
  const admitted = rows.reduce((sum, { admittedAfter }) => sum + admittedAfter, 0);
  if (admitted > 0) problems.push(`${admitted} calls were admitted after the answer`);
  if (rows.some(({ admittedBefore }) => admittedBefore === 0))
    problems.push('a key was never admitted at all');
  if (rows.some(({ refusedAfter }) => refusedAfter.some((count) => count === 0)))
    problems.push('a replica was not asked after an answer');
  if (failedOthers > 0) problems.push(`${failedOthers} calls with another key failed`);

  const cuts: (Block & { readonly how: string })[] = [];
  for (const how of ['cut', 'silent', 'cut', 'silent'] as const) {
    const harm = (): void => (how === 'cut' ? fleet.wire.cut() : fleet.wire.silence());
    cuts.push({ how, ...(await blockUnderLoad(fleet, other, harm)) });
    fleet.wire.restore();
    const deadline = performance.now() + 60_000;
    while ((await ask(fleet.last.url, { key: other, id: 'again' })).status !== 200) {
      if (performance.now() > deadline) throw new Error('the cut-off replica did not come back');
      await delay(200);
    }
  }
  const late = cuts.filter(({ ms }) => ms > 10_000).length;
  if (late > 0) problems.push(`${late} blocks with the wire harmed took longer than 10 s`);
  const leaked = cuts.reduce((sum, { admittedAfter }) => sum + admittedAfter, 0);
  if (leaked > 0) problems.push(`${leaked} calls were admitted after the answer while the wire was harmed`);
  const times = rows.map(({ ms }) => ms);
  process.stdout.write(
    `${JSON.stringify(
      {
        replicas: fleet.products.length,
        blocks,
        asked: { rate, callsPerSecond },
        blockMs: { p50: percentile(times, 0.5), p99: percentile(times, 0.99), most: percentile(times, 1) },
        admittedAfter: admitted,
        refusedAfterByReplica: fleet.products.map((_, replica) =>
          rows.reduce((sum, { refusedAfter }) => sum + (refusedAfter[replica] ?? 0), 0),
        ),
        wireHarmed: cuts.map(({ how, ms, receipt, admittedAfter }) => ({
          how,
          ms: Math.round(ms),
          receipt,
          admittedAfter,
        })),
        problems,
      },
      null,
      2,
    )}\n`,
  );
} finally {
  agent.destroy();
  await fleet.dispose();
}
process.exit(problems.length === 0 ? 0 : 1);
