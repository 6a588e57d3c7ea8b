import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createDataSource } from '#libs/database';
import { Secret } from '#libs/kernel';
import { createTestDatabase, silentLogger } from '../harness/postgres.js';

/**
 * `npm run chaos -- drain [ENTRIES] [PROCESSES]`: that many entries, each charged to eight balances of 2,000 keys, 50 teams and one
 * proxy, into a PostgreSQL of its own: by one process, then by all of them at once. No deadlock, every nano-dollar in every balance.
 */
const entries = Number(process.argv[2] ?? 1_000_000);
const processes = Number(process.argv[3] ?? 16);
/** What is promised: a million in a minute. */
const PER_SECOND = 1_000_000 / 60;

interface Run {
  readonly processes: number;
  readonly entries: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly deadlocks: number;
  readonly problems: readonly string[];
}

async function run(count: number): Promise<Run> {
  const database = await createTestDatabase();
  const url = database.url.reveal();
  const each = Math.floor(entries / count);
  try {
    const began = performance.now();
    const codes = await Promise.all(Array.from({ length: count }, (_, i) => drain(url, i, each)));
    const seconds = (performance.now() - began) / 1_000;
    const facts = await judge(url, each * count);
    const failed = codes.filter((code) => code !== 0).length;
    const problems = [...facts.problems, ...(failed > 0 ? [`${failed} processes failed`] : [])];
    const perSecond = Math.round((each * count) / seconds);
    return {
      processes: count,
      entries: each * count,
      seconds,
      perSecond,
      deadlocks: facts.deadlocks,
      problems,
    };
  } finally {
    await database.drop();
  }
}

function drain(url: string, number: number, count: number): Promise<number | null> {
  const file = fileURLToPath(new URL('drain-child.ts', import.meta.url));
  const args = [...process.execArgv, file, String(number), String(count)];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DRAIN_URL: url },
  });
  return new Promise((resolve) => child.once('close', resolve));
}

async function judge(url: string, expected: number): Promise<{ deadlocks: number; problems: string[] }> {
  const dataSource = await createDataSource({ url: new Secret(url), poolSize: 1 }, silentLogger);
  try {
    const problems: string[] = [];
    const [stored]: { n: string; nano: string }[] = await dataSource.query(
      'SELECT count(*) AS n, coalesce(sum(cost_nano), 0) AS nano FROM ledger_entries',
    );
    if (Number(stored?.n) !== expected) problems.push(`${stored?.n} of ${expected} entries`);
    const sums: { scope_type: string; budget: string; nano: string }[] = await dataSource.query(
      'SELECT scope_type, budget, sum(settled_nano) AS nano FROM balances GROUP BY 1, 2',
    );
    for (const { scope_type, budget, nano } of sums)
      if (nano !== stored?.nano)
        problems.push(`${scope_type} ${budget}: ${nano} of ${stored?.nano} nano-dollars`);
    const [{ deadlocks = '0' } = {}]: { deadlocks?: string }[] = await dataSource.query(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    return { deadlocks: Number(deadlocks), problems };
  } finally {
    await dataSource.destroy();
  }
}

const runs: Run[] = [];
for (const count of [...new Set([1, processes])]) {
  const done = await run(count);
  runs.push(done);
  process.stderr.write(
    `${done.processes} processes: ${done.entries} entries in ${done.seconds.toFixed(1)} s, ${done.perSecond}/s, ${done.deadlocks} deadlocks${done.problems.map((one) => `; ${one}`).join('')}\n`,
  );
}
const [alone, together] = runs;
process.stdout.write(
  `${JSON.stringify({ runs, ratio: (together?.perSecond ?? 0) / (alone?.perSecond ?? 1) }, null, 2)}\n`,
);
const isFine = runs.every(({ deadlocks, problems }) => deadlocks === 0 && problems.length === 0);
if (runs.some(({ perSecond }) => perSecond < PER_SECOND))
  process.stderr.write('slower than a million in a minute on this machine\n');
process.exit(isFine ? 0 : 1);
