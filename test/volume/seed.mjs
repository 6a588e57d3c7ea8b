// A company of the given size: people, teams, keys, and what they called over sixty days. The same every time.
import { createHash } from 'node:crypto';
import { addToDailyActivity } from '#libs/database';
import { copyInto } from './copy.mjs';

const DAYS = 60;
const ORGANIZATIONS = 20;
const MODELS = Array.from({ length: 12 }, (_, n) => [`model-${n}`, ['openai', 'anthropic', 'google'][n % 3]]);
const TAGS = Array.from({ length: 60 }, (_, n) => `tag-${n}`);
const DAY_MS = 86_400_000;

/** A generator whose numbers are the same in every run (xorshift). */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export const hashOf = (n) => createHash('sha256').update(`volume ${n}`).digest('hex');

/** Secrets of people that lists are asked for as, beside the master key. */
export const READERS = {
  /** Administers the organization that has half of everything. */
  org_admin: 'sk-volume-organization-admin',
  /** Administers one team of it. */
  team_admin: 'sk-volume-team-administrator',
  internal_user: 'sk-volume-internal-user',
};

/** The first organization has every second team: a company with one large subsidiary. */
const organizationOf = (team) => (team % 2 === 0 ? 0 : 1 + (team % (ORGANIZATIONS - 1)));

export function ownersOf(size) {
  const users = Math.max(10, Math.floor(size.keys / 5));
  const teams = Math.max(5, Math.floor(size.keys / 500));
  return { users, teams, user: (key) => `user-${key % users}`, team: (key) => `team-${key % teams}` };
}

/** Fills an empty, migrated database; `say` is told how far it is. */
export async function seed(client, size, say) {
  const owners = ownersOf(size);
  const timed = async (what, work) => {
    const start = performance.now();
    await work();
    say(`  ${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  };
  await timed('people', () => seedPeople(client, size, owners));
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  await client.query('SELECT ensure_ledger_partitions($1::date, $2)', [
    isoDay(today - DAYS * DAY_MS),
    DAYS + 2,
  ]);
  await timed('calls', () => copyInto(client, 'ledger_entries', COLUMNS, calls(size, owners, today)));
  await timed('days', async () => {
    for (let ago = DAYS; ago >= 0; ago -= 1) {
      const day = isoDay(today - ago * DAY_MS);
      await client.query(addToDailyActivity(`(SELECT * FROM ledger_entries WHERE day = '${day}') AS of_day`));
    }
  });
  await timed('balances', () => client.query(BALANCES));
  await timed('statistics', () => client.query('VACUUM (ANALYZE)'));
}

async function seedPeople(client, size, owners) {
  await client.query(
    `INSERT INTO organizations (id, alias) SELECT 'org-' || n, 'Organization ' || n FROM generate_series(0, $1::int - 1) n`,
    [ORGANIZATIONS],
  );
  await client.query(
    `INSERT INTO teams (id, alias, organization_id)
     SELECT 'team-' || n, 'Team ' || n, 'org-' || CASE WHEN n % 2 = 0 THEN 0 ELSE 1 + n % ($2::int - 1) END FROM generate_series(0, $1::int - 1) n`,
    [owners.teams, ORGANIZATIONS],
  );
  await client.query(
    `INSERT INTO users (id, email, role, organization_id)
     SELECT 'user-' || n, 'user' || n || '@example.com', 'internal_user', (SELECT organization_id FROM teams WHERE id = 'team-' || n % $2::int)
     FROM generate_series(0, $1::int - 1) n`,
    [owners.users, owners.teams],
  );
  await client.query(
    `INSERT INTO team_members (team_id, user_id, role) SELECT 'team-' || n % $2::int, 'user-' || n, 'user' FROM generate_series(0, $1::int - 1) n`,
    [owners.users, owners.teams],
  );
  await client.query(
    `INSERT INTO organization_members (organization_id, user_id, role) SELECT organization_id, id, 'internal_user' FROM users`,
  );
  await seedReaders(client);
  await copyInto(
    client,
    'virtual_keys',
    ['id', 'token_hash', 'masked_name', 'alias', 'user_id', 'team_id', 'max_budget_nano', 'created_at'],
    keys(size, owners),
  );
}

/** Three people with a key each: what they administer is of the large organization. */
async function seedReaders(client) {
  await client.query(
    `INSERT INTO users (id, email, role, organization_id) SELECT name, name || '@example.com', 'internal_user', 'org-0' FROM unnest($1::text[]) name`,
    [Object.keys(READERS)],
  );
  await client.query(
    `INSERT INTO organization_members (organization_id, user_id, role)
     SELECT 'org-0', name, CASE name WHEN 'org_admin' THEN name ELSE 'internal_user' END FROM unnest($1::text[]) name`,
    [Object.keys(READERS)],
  );
  await client.query(
    `INSERT INTO team_members (team_id, user_id, role) VALUES ('team-0', 'team_admin', 'admin'), ('team-0', 'internal_user', 'user')`,
  );
  for (const [name, secret] of Object.entries(READERS)) {
    await client.query(
      `INSERT INTO virtual_keys (id, token_hash, masked_name, user_id) VALUES ($1, $2, 'sk-...', $3)`,
      [`key-of-${name}`, createHash('sha256').update(secret).digest('hex'), name],
    );
  }
}

function* keys(size, owners) {
  const start = Date.now() - 90 * DAY_MS;
  for (let n = 0; n < size.keys; n += 1) {
    const made = new Date(start + Math.floor((n / size.keys) * 90 * DAY_MS)).toISOString();
    yield [
      `key-${n}`,
      hashOf(n),
      `sk-...${String(n).padStart(4, '0').slice(-4)}`,
      `alias ${n}`,
      owners.user(n),
      owners.team(n),
      100_000_000_000,
      made,
    ];
  }
}

const COLUMNS = [
  'day', 'id', 'request_id', 'response_id', 'session_id', 'started_at', 'ended_at', 'endpoint', 'stream', 'status', 'flag',
  'model_group', 'model', 'provider', 'deployment_id', 'api_base', 'key_id', 'key_hash', 'user_id', 'team_id', 'organization_id',
  'customer_id', 'tags', 'input_tokens', 'output_tokens', 'usage_source', 'cost_nano', 'input_cost_nano', 'output_cost_nano', 'price_version',
]; // prettier-ignore

/** Few keys call much and most call little: the n-th of K with a chance that falls with the cube of n. */
function* calls(size, owners, today) {
  const random = randomFrom(42);
  for (let n = 0; n < size.rows; n += 1) {
    const day = today - (DAYS - 1 - Math.floor((n / size.rows) * DAYS)) * DAY_MS;
    const at = day + Math.floor(random() * DAY_MS);
    const started = new Date(at).toISOString();
    const ended = new Date(at + 300 + Math.floor(random() * 5_000)).toISOString();
    const key = Math.floor(size.keys * random() ** 3);
    const [model, provider] = MODELS[Math.floor(MODELS.length * random() ** 2)];
    const input = 100 + Math.floor(random() * 4_000);
    const output = 10 + Math.floor(random() * 800);
    const failed = random() < 0.02;
    const cost = failed ? 0 : input * 2_500 + output * 10_000;
    const team = key % owners.teams;
    yield [
      isoDay(day), `req_${n.toString(36).padStart(8, '0')}`, `req_${n}`, `chatcmpl-${n}`, random() < 0.2 ? `session-${n >> 4}` : null, started, ended,
      'chat', 't', failed ? 'failure' : 'success', '', model, `${model}-2026`, provider, `deployment-${model}`, 'https://provider.example',
      `key-${key}`, hashOf(key), owners.user(key), owners.team(key), `org-${organizationOf(team)}`,
      random() < 0.15 ? `customer-${Math.floor(random() ** 2 * 20_000)}` : null,
      random() < 0.1 ? `{${TAGS[Math.floor(random() * TAGS.length)]},${TAGS[Math.floor(random() * TAGS.length)]}}` : '{}',
      input, output, 'provider', cost, input * 2_500, failed ? 0 : output * 10_000, 'volume',
    ]; // prettier-ignore
  }
}

const SCOPES = [
  ['key', 'key_id'],
  ['user', 'user_id'],
  ['team', 'team_id'],
  ['organization', 'organization_id'],
];
const SUMS =
  'sum(spend_nano)::bigint, sum(requests)::bigint, sum(input_tokens)::bigint, sum(output_tokens)::bigint';
const BALANCES = `INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano, requests, input_tokens, output_tokens)
${[
  ...SCOPES.map(
    ([type, column]) =>
      `SELECT '${type}', ${column}, 'total', 'total', ${SUMS} FROM daily_activity WHERE facet = 'key' GROUP BY ${column}`,
  ),
  `SELECT 'customer', customer_id, 'total', 'total', ${SUMS} FROM daily_activity WHERE facet = 'customer' GROUP BY customer_id`,
  `SELECT 'proxy', 'proxy', 'total', 'total', ${SUMS} FROM daily_activity WHERE facet = 'proxy'`,
].join('\nUNION ALL ')}`;

function isoDay(ms) {
  return new Date(ms).toISOString().slice(0, 10);
}
