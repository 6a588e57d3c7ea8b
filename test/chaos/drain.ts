import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createDataSource } from '#libs/database';
import { Secret } from '#libs/kernel';
import { createTestDatabase, silentLogger, startTestPostgres } from '../harness/postgres.js';

/**
 * `npm run chaos -- drain [ENTRIES] [PROCESSES]`: that many entries, each charged to eight balances of 2,000 keys, 50 teams and one
 * proxy, into a PostgreSQL of its own that is as durable as the product's: by one process, then by all of them at once. No deadlock,
 * every nano-dollar in every balance and in every sum of the day.
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
    const children = Array.from({ length: count }, (_, i) => start(url, i, each));
    // Starting sixteen processes takes as long as a third of the work: they begin together, when all are there.
    await Promise.all(children.map((child) => Promise.race([once(child, 'message'), endedEarly(child)])));
    const began = performance.now();
    const codes = await Promise.all(
      children.map(async (child): Promise<unknown> => {
        child.send('go');
        const [code] = await once(child, 'close');
        return code;
      }),
    );
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

async function endedEarly(child: ChildProcess): Promise<never> {
  await once(child, 'close');
  throw new Error('a process ended before it began');
}

function start(url: string, number: number, count: number): ChildProcess {
  const file = fileURLToPath(new URL('drain-child.ts', import.meta.url));
  const args = [...process.execArgv, file, String(number), String(count)];
  return spawn(process.execPath, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, DRAIN_URL: url },
  });
}

/** Sums of the day's entries by owner, beside what is kept for that owner: the balance of its life, and its row of the day. */
const OWNERS: Readonly<Record<string, string>> = {
  key: 'key_id',
  user: 'user_id',
  team: 'team_id',
  organization: 'organization_id',
  proxy: "'proxy'::text",
};
/** Facets of `daily_activity` that have rows of entries like these, and whose they are. */
const FACETS: Readonly<Record<string, string>> = {
  key: 'key',
  team: 'team',
  team_days: 'team',
  organization: 'organization',
  organization_teams: 'organization',
  teams: 'proxy',
  proxy: 'proxy',
};

async function judge(url: string, expected: number): Promise<{ deadlocks: number; problems: string[] }> {
  const options = { url: new Secret(url), poolSize: 1, statementTimeoutMs: 120_000 };
  const dataSource = await createDataSource(options, silentLogger);
  const problems: string[] = [];
  const compare = async (what: string, kept: string, owner: string): Promise<void> => {
    const [{ wrong = '' } = {}]: { wrong?: string }[] = await dataSource.query(
      `WITH stored AS (SELECT ${owner} AS id, sum(cost_nano) AS nano, count(*) AS requests FROM ledger_entries GROUP BY 1), kept AS (${kept})
       SELECT count(*) AS wrong FROM stored FULL JOIN kept USING (id)
       WHERE (stored.nano, stored.requests) IS DISTINCT FROM (kept.nano, kept.requests)`,
    );
    if (wrong !== '0') problems.push(`${what}: ${wrong} rows are not what the entries say`);
  };
  try {
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
    for (const [type, column] of Object.entries(OWNERS))
      await compare(
        `balances of ${type}`,
        `SELECT scope_id AS id, settled_nano AS nano, requests FROM balances WHERE scope_type = '${type}' AND budget = 'total'`,
        column,
      );
    for (const [facet, owner] of Object.entries(FACETS))
      await compare(
        `days by ${facet}`,
        `SELECT ${OWNERS[owner]} AS id, sum(spend_nano) AS nano, sum(requests) AS requests FROM daily_activity WHERE facet = '${facet}' GROUP BY 1`,
        OWNERS[owner] ?? '',
      );
    const [{ deadlocks = '0' } = {}]: { deadlocks?: string }[] = await dataSource.query(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    return { deadlocks: Number(deadlocks), problems };
  } finally {
    await dataSource.destroy();
  }
}

process.env.TEST_DATABASE_URL ??= (await startTestPostgres({ throwAway: false })).url.reveal();
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
