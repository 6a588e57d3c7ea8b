// Ten thousand keys, each with a team, a user, a budget and rate limits of its own, none of which a benchmark can reach.
import { createHash } from 'node:crypto';
import pg from 'pg';

export const KEYS = 10_000;
const TEAMS = 100;
const USERS = 1_000;

/** The n-th key, known without asking the database. */
export const keyOf = (n) =>
  `sk-bench-${String(n).padStart(6, '0')}-${createHash('sha256').update(`bench ${n}`).digest('hex').slice(0, 32)}`;

export const allKeys = Array.from({ length: KEYS }, (_, n) => keyOf(n));

const LIMITS = `max_budget_nano, budget_duration, budget_anchor_at, rpm_limit, tpm_limit`;
// A million dollars a month, and rates far beyond the machine: every check runs, none refuses.
const LIMIT_VALUES = `1000000000000000, '30d', now(), 100000000, 1000000000000`;

export async function seed(databaseUrl) {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO teams (id, alias, ${LIMITS}) SELECT 'team_bench_' || n, 'bench ' || n, ${LIMIT_VALUES} FROM generate_series(0, $1) n ON CONFLICT DO NOTHING`,
      [TEAMS - 1],
    );
    await client.query(
      `INSERT INTO users (id, ${LIMITS}) SELECT 'user_bench_' || n, ${LIMIT_VALUES} FROM generate_series(0, $1) n ON CONFLICT DO NOTHING`,
      [USERS - 1],
    );
    await client.query(
      `INSERT INTO team_members (team_id, user_id)
       SELECT DISTINCT 'team_bench_' || (n % ${TEAMS}), 'user_bench_' || (n % ${USERS}) FROM generate_series(0, $1) n
       ON CONFLICT DO NOTHING`,
      [KEYS - 1],
    );
    await client.query(
      `INSERT INTO virtual_keys (id, token_hash, masked_name, user_id, team_id, models, ${LIMITS})
       SELECT 'key_bench_' || n, hash, 'sk-...' || right(raw, 4), 'user_bench_' || (n % ${USERS}), 'team_bench_' || (n % ${TEAMS}),
              ARRAY['bench'], ${LIMIT_VALUES}
       FROM unnest($1::text[], $2::text[], $3::int[]) AS given (raw, hash, n)
       ON CONFLICT DO NOTHING`,
      [
        allKeys.map((key) => key.slice(-4)),
        allKeys.map((key) => createHash('sha256').update(key).digest('hex')),
        allKeys.map((_, n) => n),
      ],
    );
    await client.query('COMMIT');
    await client.query('ANALYZE');
  } finally {
    await client.end();
  }
}

/** Transactions of this database so far, other sessions' included. PostgreSQL publishes them with a second's delay. */
export async function transactions(databaseUrl) {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows } = await client.query(
      'SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = current_database()',
    );
    return { count: Number(rows[0].n), atMs: performance.now() };
  } finally {
    await client.end();
  }
}

/** How many requests reached the ledger: a fast gateway that forgets to write is not fast. */
export async function ledgerCount(databaseUrl) {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows } = await client.query('SELECT count(*)::int AS n FROM ledger_entries');
    return rows[0].n;
  } finally {
    await client.end();
  }
}
