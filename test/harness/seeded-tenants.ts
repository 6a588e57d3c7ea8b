import { hash } from 'node:crypto';
import type { DataSource } from 'typeorm';

/** The tenants of the matrix: two organizations, each with two teams and somebody of every kind. */
export const TENANTS = ['red', 'blue'] as const;
export type Tenant = (typeof TENANTS)[number];

/** Who calls. Each has a key of his own; those of a tenant exist once in each. */
export const CALLERS = [
  'admin',
  'viewer',
  'chief',
  'lead',
  'member',
  'solo',
  'reader',
  'neighbour',
  'robot',
  'customer',
] as const;
export type CallerName = (typeof CALLERS)[number];

/** `admin` and `viewer` belong to the proxy, everybody else to a tenant. */
export const isOfProxy = (caller: CallerName): boolean => caller === 'admin' || caller === 'viewer';

/** A key that nobody can guess and that a test can: the same in every run. */
export const rawKeyOf = (caller: CallerName, tenant: Tenant): string =>
  `sk-${isOfProxy(caller) ? 'proxy' : tenant}-${caller}-0123456789abcdef`;
export const hashOf = (raw: string): string => hash('sha256', raw);
export const idOf = (noun: string, tenant: string): string => `${tenant}-${noun}`;

/** Everybody is bounded, so that whatever becomes wider shows. The model is the one the product under test has. */
const bounds = (dollars: number): Readonly<Record<string, unknown>> => ({
  max_budget_nano: String(dollars * 1_000_000_000),
  budget_duration: '30d',
  rpm_limit: dollars * 1_000,
  tpm_limit: dollars * 100_000,
  max_parallel_requests: dollars * 10,
  models: ['m'],
});

const DAY = new Date().toISOString().slice(0, 10);

/** Required columns that a test does not care about, by type. */
const FILLER: Readonly<Record<string, unknown>> = {
  text: 'x', bigint: 1, integer: 1, smallint: 1, boolean: false, date: DAY, uuid: '00000000-0000-4000-8000-000000000000',
  'timestamp with time zone': `${DAY}T00:00:01Z`, jsonb: '{}',
}; // prettier-ignore

/** Writes one row; what the table requires and `facts` does not say is filled in. */
export async function insertRow(
  database: DataSource,
  table: string,
  facts: Readonly<Record<string, unknown>>,
): Promise<void> {
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

/** Everything of both tenants, straight into the tables: what is tested may not have made what it is tested with. */
export async function seedTenants(database: DataSource): Promise<void> {
  await database.query(`SELECT ensure_ledger_partitions($1, 2)`, [DAY]);
  await insertRow(database, 'users', { id: 'proxy-admin', role: 'proxy_admin' });
  await insertRow(database, 'users', { id: 'proxy-viewer', role: 'proxy_admin_viewer' });
  await seedKey(database, 'admin', 'red', { user_id: 'proxy-admin' });
  await seedKey(database, 'viewer', 'red', { user_id: 'proxy-viewer' });
  for (const tenant of TENANTS) await seedTenant(database, tenant);
}

async function seedTenant(database: DataSource, tenant: Tenant): Promise<void> {
  const id = (noun: string): string => idOf(noun, tenant);
  const organization_id = id('organization');
  const mark = { metadata: JSON.stringify({ mark: `${tenant}-secret` }) };
  await insertRow(database, 'organizations', { id: organization_id, alias: id('organization-alias') });
  const people = { chief: 'internal_user', lead: 'internal_user', member: 'internal_user', mate: 'internal_user', reader: 'internal_user_viewer', neighbour: 'internal_user' }; // prettier-ignore
  for (const [who, role] of Object.entries(people))
    await insertRow(database, 'users', {
      id: id(who),
      email: `${who}@${tenant}.example`,
      role,
      ...bounds(50),
      ...mark,
    });
  await insertRow(database, 'organization_members', {
    organization_id,
    user_id: id('chief'),
    role: 'org_admin',
  });
  for (const who of ['lead', 'member', 'mate', 'reader', 'neighbour'])
    await insertRow(database, 'organization_members', {
      organization_id,
      user_id: id(who),
      role: 'internal_user',
    });
  for (const team of ['team', 'other-team'])
    await insertRow(database, 'teams', {
      id: id(team),
      alias: id(`${team}-alias`),
      organization_id,
      ...bounds(100),
      ...mark,
    });
  const join = (team: string, who: string, role: string): Promise<void> =>
    insertRow(database, 'team_members', { team_id: id(team), user_id: id(who), role });
  await join('team', 'lead', 'admin');
  for (const who of ['member', 'mate', 'reader']) await join('team', who, 'user');
  await join('other-team', 'neighbour', 'user');
  await insertRow(database, 'customers', { id: id('customer'), alias: id('customer-alias') });
  await insertRow(database, 'projects', {
    id: id('project'),
    team_id: id('team'),
    alias: id('project-alias'),
  });
  const inTeam = { team_id: id('team'), organization_id };
  await seedKey(database, 'chief', tenant, { user_id: id('chief') });
  await seedKey(database, 'lead', tenant, { user_id: id('lead'), ...inTeam });
  await seedKey(database, 'member', tenant, { user_id: id('member'), ...inTeam });
  await seedKey(database, 'solo', tenant, { user_id: id('member') });
  await seedKey(database, 'reader', tenant, { user_id: id('reader'), ...inTeam });
  await seedKey(database, 'neighbour', tenant, {
    user_id: id('neighbour'),
    team_id: id('other-team'),
    organization_id,
  });
  await seedKey(database, 'robot', tenant, inTeam);
  await seedKey(database, 'customer', tenant, { customer_id: id('customer') });
  await seedCalls(database, tenant);
}

async function seedKey(
  database: DataSource,
  caller: CallerName,
  tenant: Tenant,
  facts: object,
): Promise<void> {
  const raw = rawKeyOf(caller, tenant);
  await insertRow(database, 'virtual_keys', {
    id: `key_${isOfProxy(caller) ? 'proxy' : tenant}_${caller}`,
    token_hash: hashOf(raw),
    masked_name: `sk-...${raw.slice(-4)}`,
    alias: `${isOfProxy(caller) ? 'proxy' : tenant}-${caller}-key`,
    metadata: JSON.stringify({ mark: `${tenant}-secret` }),
    ...(isOfProxy(caller) ? {} : bounds(5)),
    ...facts,
  });
}

/** One call of the member's key, in the log, the day's sums and the balances. */
async function seedCalls(database: DataSource, tenant: Tenant): Promise<void> {
  const id = (noun: string): string => idOf(noun, tenant);
  const owners = {
    key_id: `key_${tenant}_member`,
    user_id: id('member'),
    team_id: id('team'),
    organization_id: id('organization'),
    customer_id: id('customer'),
  };
  const names = { model_group: id('model'), model: id('model'), provider: 'openai', endpoint: 'chat' };
  const at = `${DAY}T00:00:01Z`;
  const tags = [id('tag')];
  await insertRow(database, 'ledger_entries', {
    day: DAY, id: id('entry'), request_id: id('request'), started_at: at, ended_at: at, status: 'success', usage_source: 'provider',
    key_hash: hashOf(rawKeyOf('member', tenant)), cost_nano: '1000000', session_id: id('session'), tags, ...names, ...owners,
  }); // prettier-ignore
  for (const [index, facet] of ['key', 'customer', 'tag'].entries())
    await insertRow(database, 'daily_activity', {
      day: DAY, row_id: `${tenant === 'red' ? '1' : '2'}0000000-0000-4000-8000-00000000000${index}`, facet, tags, ...names, ...owners,
    }); // prettier-ignore
  const scopes = {
    key: owners.key_id,
    user: owners.user_id,
    team: owners.team_id,
    organization: owners.organization_id,
  };
  for (const [scope_type, scope_id] of Object.entries(scopes))
    await insertRow(database, 'balances', {
      scope_type, scope_id, budget: 'total', period_id: 'total', settled_nano: tenant === 'red' ? '1000000' : '7777000000',
    }); // prettier-ignore
}
