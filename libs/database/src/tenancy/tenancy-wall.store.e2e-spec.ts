import { randomUUID } from 'node:crypto';
import { type Principal, Secret } from '#libs/kernel';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, silentLogger, type TestDatabase } from '../../../../test/harness/postgres.js';
import { createDataSource } from '../data-source.js';
import { OPEN_TABLES, TENANCY_POLICIES } from '../migrations/tenancy-policies.js';
import { runMigrations } from '../run-migrations.js';
import { readAs, withTransaction } from '../with-transaction.js';
import { principal } from '../../../../test/harness/caller.js';
import { assertWallHides, beyondTenancy, isWallStanding, raiseTenancyWall } from './tenancy-wall.js';

let test: TestDatabase;
let database: DataSource;
beforeAll(async () => {
  test = await createTestDatabase();
  database = test.dataSource;
  for (const tenant of ['red', 'blue']) await seed(tenant);
});
afterAll(() => test.drop());

const DAY = '2026-01-05';
/** A value of each type for the columns that must have one and that the test does not care about. */
const FILLER: Readonly<Record<string, unknown>> = {
  text: 'x', bigint: 1, integer: 1, boolean: false, date: DAY, uuid: '00000000-0000-4000-8000-000000000000',
  'timestamp with time zone': '2026-01-05T10:00:00Z', jsonb: '{}',
}; // prettier-ignore

async function insert(table: string, facts: Readonly<Record<string, unknown>>): Promise<void> {
  const required: { name: string; type: string }[] = await database.query(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_name = $1 AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'`,
    [table],
  );
  const row = { ...Object.fromEntries(required.map(({ name, type }) => [name, FILLER[type]])), ...facts };
  const names = Object.keys(row).map((name) => `"${name}"`);
  await database.query(
    `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(row),
  );
}

/** One organization with its chief, a team with its administrator and a member, and a row of every kind. */
async function seed(tenant: string): Promise<void> {
  await database.query(
    `SELECT ensure_ledger_partitions($1, 1), ensure_day_partitions('logged_prompts', $1, 1)`,
    [DAY],
  );
  const id = (noun: string): string => `${tenant}_${noun}`;
  const owners = {
    key_id: id('key'),
    user_id: id('user'),
    team_id: id('team'),
    organization_id: id('organization'),
    customer_id: id('customer'),
  };
  const { customer_id, key_id, user_id, team_id, organization_id } = owners;
  for (const who of ['user', 'lead', 'chief']) await insert('users', { id: id(who) });
  await insert('organizations', { id: organization_id });
  await insert('organization_members', { organization_id, user_id: id('chief'), role: 'org_admin' });
  await insert('teams', { id: team_id, organization_id });
  await insert('team_members', { team_id, user_id, role: 'user' });
  await insert('team_members', { team_id, user_id: id('lead'), role: 'admin' });
  await insert('projects', { id: id('project'), team_id });
  await insert('virtual_keys', { id: key_id, token_hash: id('hash'), user_id, team_id, organization_id });
  await insert('key_graces', { key_id, token_hash: id('old') });
  await insert('archived_keys', {
    id: key_id,
    token_hash: id('hash'),
    row: { id: key_id, user_id, team_id, organization_id },
  });
  await insert('archived_teams', { id: id('gone'), organization_id });
  await insert('invitations', { id: id('invitation'), user_id });
  await insert('customers', { id: customer_id });
  await insert('proxy_models', { id: id('model'), team_id });
  await insert('credentials', { id: id('credential'), name: tenant });
  await insert('config_settings', { section: tenant });
  await insert('app_state', { name: tenant });
  await insert('ledger_entries', {
    id: id('entry'),
    day: DAY,
    status: 'success',
    usage_source: 'provider',
    ...owners,
  });
  await insert('daily_activity', { day: DAY, row_id: randomUUID(), facet: 'key', ...owners });
  await insert('logged_prompts', { day: DAY, id: id('prompt'), key_id, user_id, customer_id });
  await insert('audit_events', { id: id('event'), actor_user_id: user_id, actor_key_id: key_id });
  await insert('audit_values', { event_id: id('event') });
  await insert('audit_checkpoints', { chain: tenant });
  await insert('privacy_erasures', { id: tenant, kind: 'user' });
  for (const scope_type of ['user', 'key', 'team', 'organization', 'customer', 'project']) {
    const scope = { scope_type, scope_id: id(scope_type) };
    await insert('balances', scope);
    await insert('budget_periods', scope);
    await insert('spend_adjustments', { id: id(scope_type), ...scope });
    await insert('alerts', { id: id(scope_type), ...scope });
  }
  await insert('alert_deliveries', { alert_id: key_id });
}

const PEOPLE: Readonly<Record<string, (tenant: string) => Principal>> = {
  'a member of the team': (tenant) => principal({ user: { id: `${tenant}_user` } }),
  'an administrator of the team': (tenant) => principal({ user: { id: `${tenant}_lead` } }),
  'an administrator of the organization': (tenant) =>
    principal({ role: 'org_admin', user: { id: `${tenant}_chief` } }),
  'a key of the team without a person': (tenant) =>
    principal({
      key: { id: `${tenant}_key`, hash: `${tenant}_hash`, maskedName: 'sk-...' },
      team: { id: `${tenant}_team` },
      organizationId: `${tenant}_organization`,
    }),
  'a customer': (tenant) => principal({ role: 'customer', customerId: `${tenant}_customer` }),
  'a token of a team': (tenant) =>
    principal({ role: 'team', credential: 'jwt', team: { id: `${tenant}_team` } }),
};
const NOBODY = principal({ role: 'internal_user' });
const tables = Object.keys(TENANCY_POLICIES);

const seenBy = async (who: Principal, table: string): Promise<string[]> => {
  const rows: { row: object }[] = await withTransaction(database, who, (manager) =>
    manager.query(`SELECT to_jsonb(t) AS row FROM ${table} t`),
  );
  return rows.map(({ row }) => JSON.stringify(row));
};

/** The first wall is every `where` in our code; here none is left, and nothing foreign is seen all the same. */
describe.each(Object.keys(PEOPLE))('%s', (who) => {
  it.each(tables)('finds nothing of another tenant in %s', async (table) => {
    const mine = PEOPLE[who]?.('red') ?? NOBODY;
    const seen = await seenBy(mine, table);
    expect(seen.filter((row) => row.includes('blue'))).toEqual([]);
  });
});

describe('the wall', () => {
  it('stands where the login may make roles', async () => {
    expect(await isWallStanding(database)).toBe(true);
    await expect(assertWallHides(database)).resolves.toBeUndefined();
  });

  /** A new table that nobody thought about is the hole of the next release. */
  it('covers every table, but for those that hold nothing of an organization', async () => {
    const rows: { name: string; covered: boolean }[] = await database.query(
      `SELECT relname AS name, relrowsecurity AND relforcerowsecurity AS covered FROM pg_class
       WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = current_schema()::regnamespace`,
    );
    const bare = rows.filter(({ covered }) => !covered).map(({ name }) => name);
    expect(bare.filter((name) => !OPEN_TABLES.includes(name) && name !== 'schema_migrations')).toEqual([]);
    expect(tables.filter((name) => !rows.some((row) => row.name === name))).toEqual([]);
  });

  it.each(tables)('shows nothing of %s to a caller who is nobody', async (table) => {
    // A model without a team is everybody's.
    expect(await seenBy(NOBODY, table)).toEqual([]);
  });

  it('shows what is one’s own', async () => {
    const mine = PEOPLE['a member of the team']?.('red') ?? NOBODY;
    for (const table of [
      'users',
      'teams',
      'team_members',
      'virtual_keys',
      'ledger_entries',
      'daily_activity',
      'balances',
      'projects',
    ])
      expect((await seenBy(mine, table)).length, table).toBeGreaterThan(0);
    const chief = PEOPLE['an administrator of the organization']?.('red') ?? NOBODY;
    for (const table of [
      'organizations',
      'teams',
      'team_members',
      'virtual_keys',
      'archived_keys',
      'archived_teams',
      'users',
    ])
      expect((await seenBy(chief, table)).length, table).toBeGreaterThan(0);
  });

  it('shows everything to proxy administrators, to readers and to our own work', async () => {
    for (const who of [
      principal({ role: 'proxy_admin' }),
      principal({ role: 'proxy_admin_viewer' }),
      { system: 'test' },
    ]) {
      const [row] = await withTransaction(database, who, (manager) =>
        manager.query('SELECT count(*)::int AS n FROM virtual_keys'),
      );
      expect(row).toEqual({ n: 2 });
    }
  });

  it('lets nobody change, remove or plant a row of another tenant', async () => {
    const lead = PEOPLE['an administrator of the team']?.('red') ?? NOBODY;
    const run = (sql: string) => withTransaction(database, lead, (manager) => manager.query(sql));
    await run(`UPDATE virtual_keys SET blocked = true`);
    await run(`DELETE FROM projects WHERE id = 'blue_project'`);
    const [blue] = await database.query(`SELECT blocked FROM virtual_keys WHERE id = 'blue_key'`);
    expect(blue).toEqual({ blocked: false });
    expect(await database.query(`SELECT 1 FROM projects WHERE id = 'blue_project'`)).toHaveLength(1);
    for (const sql of [
      `UPDATE virtual_keys SET team_id = 'blue_team', user_id = NULL, organization_id = NULL WHERE id = 'red_key'`,
      `INSERT INTO virtual_keys (id, token_hash, masked_name, team_id) VALUES ('x', 'x', 'x', 'blue_team')`,
      `INSERT INTO virtual_keys (id, token_hash, masked_name, user_id, team_id) VALUES ('x', 'x', 'x', 'red_lead', 'blue_team')`,
      `INSERT INTO team_members (team_id, user_id) VALUES ('blue_team', 'red_lead')`,
      `INSERT INTO organization_members (organization_id, user_id) VALUES ('blue_organization', 'red_lead')`,
      `DELETE FROM audit_events`,
    ])
      await expect(run(sql), sql).rejects.toMatchObject({ code: 'rbac.forbidden' });
  });

  it('is left only for one thing at a time, and stands again behind it', async () => {
    const mine = PEOPLE['a member of the team']?.('red') ?? NOBODY;
    const counts = await withTransaction(database, mine, async (manager) => {
      const count = (): Promise<{ n: number }[]> => manager.query('SELECT count(*)::int AS n FROM teams');
      return [await count(), await beyondTenancy(manager, 'the test', count), await count()].map(
        ([row]) => row?.n,
      );
    });
    expect(counts).toEqual([1, 2, 1]);
  });

  it('goes with the transaction: the connection is as it was', async () => {
    await seenBy(PEOPLE['a customer']?.('red') ?? NOBODY, 'teams');
    const rows: { role: string; who: string }[] = await database.query(
      `SELECT current_setting('role') AS role, coalesce(current_setting('tollgate.user', true), '') AS who`,
    );
    expect(rows).toEqual([{ role: 'none', who: '' }]);
  });

  it('lets a reader write nothing', async () => {
    const mine = PEOPLE['a member of the team']?.('red') ?? NOBODY;
    const write = readAs(database, mine, (manager) => manager.query(`UPDATE users SET alias = 'x'`));
    await expect(write).rejects.toMatchObject({ driverError: { code: '25006' } });
  });

  it('can be raised again and again', async () => {
    expect(await raiseTenancyWall(database)).toBe(true);
    expect(await seenBy(NOBODY, 'teams')).toEqual([]);
  });
});

/** A database that belongs to an ordinary login, as managed PostgreSQL gives it. */
describe('a login that is no superuser', () => {
  const login = `plain_${randomUUID().slice(0, 8)}`;
  let owned: DataSource;
  beforeAll(async () => {
    await database.query(`CREATE ROLE ${login} LOGIN PASSWORD 'plain' NOSUPERUSER NOCREATEROLE`);
    await database.query(`CREATE DATABASE ${login} OWNER ${login}`);
    const url = new URL(test.url.reveal());
    Object.assign(url, { username: login, password: 'plain', pathname: `/${login}` });
    owned = await createDataSource({ url: new Secret(url.href), poolSize: 3 }, silentLogger);
    await runMigrations(owned);
    await owned.query(`INSERT INTO users (id) VALUES ('ann'), ('bob')`);
    await owned.query(
      `INSERT INTO virtual_keys (id, token_hash, masked_name, user_id) VALUES ('k1', 'h1', 'x', 'ann'), ('k2', 'h2', 'x', 'bob')`,
    );
  });
  afterAll(async () => {
    await owned?.destroy();
    await database.query(`DROP DATABASE IF EXISTS ${login} WITH (FORCE)`);
    await database.query(`DROP ROLE IF EXISTS ${login}`);
  });
  const keysOf = async (dataSource: DataSource): Promise<unknown[]> =>
    withTransaction(dataSource, principal({ user: { id: 'ann' } }), (manager) =>
      manager.query('SELECT id FROM virtual_keys'),
    );

  it('works on without the wall when it may not make the role', async () => {
    expect(await isWallStanding(owned)).toBe(false);
    expect(await keysOf(owned)).toHaveLength(2);
  });

  it('has the wall from the next start on when an administrator of the server gave it the role', async () => {
    await database.query(`GRANT tollgate_tenant TO ${login}`);
    await runMigrations(owned);
    expect(await isWallStanding(owned)).toBe(true);
    await expect(assertWallHides(owned)).resolves.toBeUndefined();
    // A process that started before goes on as it was; the next one has it.
    const { options } = owned;
    const next = await new DataSource(options).initialize();
    expect(await keysOf(next)).toEqual([{ id: 'k1' }]);
    await next.destroy();
  });

  /** Forced row-level security binds a table's owner too: the look-up of keys and the drain must not notice. */
  it('does the proxy’s own work behind it as before', async () => {
    expect(await owned.query('SELECT id FROM virtual_keys ORDER BY id')).toHaveLength(2);
    await withTransaction(owned, { system: 'drain' }, (manager) =>
      manager.query(`INSERT INTO balances (scope_type, scope_id, budget, period_id, settled_nano) VALUES ('user', 'bob', 'total', 'total', 5)
        ON CONFLICT (scope_type, scope_id, budget, period_id) DO UPDATE SET settled_nano = balances.settled_nano + 5`),
    );
    expect(await owned.query('SELECT settled_nano FROM balances')).toEqual([{ settled_nano: '5' }]);
  });
});
