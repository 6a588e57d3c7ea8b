import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createDataSource, runningEmbeddedUrl } from '#libs/database';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTollgate } from '../harness/command.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { silentLogger } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const PERSON = 'canary-person-77';
const EMAIL = 'canary.mail@example.com';
const CUSTOMER = 'canary-customer-77';
const KEY_ALIAS = 'canary-laptop-77';
const AGENT = 'canary-agent/1.0';

let provider: FakeProvider;
let product: Product;
let database: DataSource;

beforeAll(async () => {
  provider = await FakeProvider.start({ completionTokens: 3 });
  const litellm_params = { model: 'openai/up', api_base: provider.url, api_key: 'sk-upstream' };
  product = await Product.start({
    config: {
      model_list: [{ model_name: 'm', litellm_params }],
      general_settings: { store_prompts_in_spend_logs: true },
    },
    env: { LOG_FILE: join('data', 'tollgate.log') },
  });
  const url = runningEmbeddedUrl(product.dataDir);
  if (!url) throw new Error('no embedded server runs');
  database = await createDataSource({ url, poolSize: 2 }, silentLogger);
});
afterAll(async () => {
  await database?.destroy();
  await product?.dispose();
  await provider?.stop();
});

async function ok(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await product.request(method, path, body);
  const text = await response.text();
  expect({ path, status: response.status, text }).toMatchObject({ status: 200 });
  return JSON.parse(text) as Record<string, unknown>;
}

async function call(key: string, user: string): Promise<number> {
  const response = await fetch(`${product.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'user-agent': user === CUSTOMER ? AGENT : 'curl' },
    body: JSON.stringify({
      model: 'm',
      user,
      metadata: { tags: user === CUSTOMER ? [`for ${EMAIL}`] : [] },
      messages: [{ role: 'user', content: `I am ${PERSON}` }],
    }),
  });
  await response.text();
  return response.status;
}

/** Every row of every table, as a dump would have it. */
async function dump(): Promise<string> {
  const tables: { name: string }[] = await database.query(
    `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname IN ('public', 'bullmq')`,
  );
  let text = '';
  for (const { name } of tables)
    text += JSON.stringify(await database.query(`SELECT t::text FROM ${name} t`));
  return text;
}

const summed = (): Promise<unknown> =>
  database.query(`SELECT facet, sum(spend_nano) AS spent FROM daily_activity GROUP BY 1 ORDER BY 1`);

async function sumsNaming(text: string): Promise<readonly string[]> {
  const rows: { facet: string }[] = await database.query(
    `SELECT DISTINCT facet FROM daily_activity WHERE tags::text LIKE $1`,
    [`%${text}%`],
  );
  return rows.map(({ facet }) => facet);
}

/** Files of the data folder, the database's own among them, that hold a text. */
function filesWith(text: string): string[] {
  return readdirSync(product.dataDir, { recursive: true, encoding: 'utf8' }).filter((path) => {
    const file = join(product.dataDir, path);
    return statSync(file, { throwIfNoEntry: false })?.isFile() && readFileSync(file).includes(text);
  });
}

describe('a person who is to be forgotten', () => {
  let key: string;

  it('is everywhere first, and an export shows where', async () => {
    await ok('POST', '/user/new', { user_id: PERSON, user_email: EMAIL, auto_create_key: false });
    await ok('POST', '/organization/new', { organization_id: 'guild', organization_alias: 'Guild' });
    await ok('POST', '/organization/member_add', {
      organization_id: 'guild',
      member: { role: 'internal_user', user_id: PERSON },
    });
    await ok('POST', '/team/new', {
      team_id: 'crew',
      organization_id: 'guild',
      members_with_roles: [{ role: 'user', user_id: PERSON }],
    });
    key = await product.makeKey({
      user_id: PERSON,
      team_id: 'crew',
      key_alias: KEY_ALIAS,
      metadata: { note: `for ${EMAIL}` },
    });
    for (let n = 0; n < 3; n += 1) expect(await call(key, CUSTOMER)).toBe(200);
    expect(await call(await product.makeKey({ user_id: 'canary-person-770' }), 'somebody-else')).toBe(200);
    await expect
      .poll(async () => (await database.query('SELECT 1 FROM logged_prompts')) as unknown[], {
        timeout: 5_000,
      })
      .toHaveLength(4);
    // Sums name people too: those of an organization's tags by what somebody wrote into a tag.
    await expect.poll(() => sumsNaming(EMAIL)).toContain('organization_tagged');
    const exported = (await ok('POST', '/privacy/export', { user_id: PERSON })) as {
      tables: Record<string, unknown[]>;
      audit: unknown[];
    };
    expect(Object.keys(exported.tables)).toEqual(
      expect.arrayContaining(['users', 'virtual_keys', 'ledger_entries', 'logged_prompts', 'team_members']),
    );
    expect(exported.tables['ledger_entries']).toHaveLength(3);
    expect(exported.audit.length).toBeGreaterThan(2);
  });

  it('is nowhere afterwards: not in the store, its files, the spool or the log', async () => {
    const spent: unknown = await database.query(
      `SELECT sum(settled_nano) AS all FROM balances WHERE budget = 'total' AND scope_type = 'user'`,
    );
    const sums = await summed();
    const certificate = await ok('POST', '/privacy/erase', { user_id: PERSON });
    expect(certificate).toMatchObject({
      subject: { kind: 'user', id: PERSON },
      erased: { users: 1, virtual_keys: 1 },
    });
    expect(await call(key, CUSTOMER)).toBe(401);
    await ok('POST', '/privacy/erase', { customer_id: CUSTOMER });
    const text = await dump();
    for (const canary of [EMAIL, KEY_ALIAS, CUSTOMER, AGENT])
      expect(text.includes(canary), canary).toBe(false);
    // Somebody whose name only begins the same is untouched.
    expect(text.replaceAll('canary-person-770', '').includes(PERSON)).toBe(false);
    expect(text).toContain('canary-person-770');
    for (const canary of [EMAIL, KEY_ALIAS, CUSTOMER]) expect(filesWith(canary), canary).toEqual([]);
    expect(await sumsNaming(EMAIL)).toEqual([]);
    // What was spent is still what was spent, of tags, teams and organizations too.
    expect(await summed()).toEqual(sums);
    expect(
      await database.query(
        `SELECT sum(settled_nano) AS all FROM balances WHERE budget = 'total' AND scope_type = 'user'`,
      ),
    ).toEqual(spent);
  });

  it('leaves an audit trail that is whole, and says that values were erased', async () => {
    await expect
      .poll(async () => (await database.query('SELECT 1 FROM audit_events WHERE seq IS NULL')) as unknown[], {
        timeout: 5_000,
      })
      .toHaveLength(0);
    const report = await ok('GET', '/audit/verify');
    expect(report).toMatchObject({ sound: true, findings: [] });
    expect(report['erased_values']).toBeGreaterThan(5);
    const run = await runTollgate(['audit', 'verify', '--data-dir', product.dataDir], {
      cwd: product.folder,
      env: { LITELLM_MASTER_KEY: product.masterKey },
    });
    expect(run.output).toMatch(
      /values were erased, each with a record of its erasure[\s\S]*The audit trail is sound/,
    );
    expect(run.exitCode).toBe(0);
  });

  /** Callers choose the names of their users: one that is called like a role, a status or a model must not take it along. */
  it('may be called like a word of ours, which stays', async () => {
    const names = ['admin', 'success', 'user', 'customer', 'm'];
    // What money, periods, limits and settings look like; the last two are names of the operator's.
    names.push('30d', '0', '2000000000', '1000000', '127.0.0.1', 'usual', 'upkeep');
    await ok('POST', '/budget/new', { budget_id: 'usual', max_budget: 2 });
    await ok('POST', '/role/new', { role: 'upkeep', models: ['m'] });
    await ok('POST', '/team/new', {
      team_id: 'board',
      model_aliases: { fast: 'm' },
      members_with_roles: [{ role: 'admin', user_id: 'chair' }],
    });
    const governed = {
      budget_limits: [{ budget_duration: '30d', max_budget: 2 }],
      model_max_budget: {
        m: { budget_limit: 2, time_period: '30d' },
        free: { budget_limit: 0, time_period: '1d' },
      },
      model_rpm_limit: { m: 1_000_000 },
    };
    const own = await product.makeKey({ team_id: 'board', models: ['m'], max_budget: 9, ...governed });
    const { token_id: gone } = await ok('POST', '/key/generate', {
      models: ['m'],
      user_id: 'chair',
      ...governed,
    });
    await ok('POST', '/key/delete', { keys: [gone] });
    await ok('POST', '/config/update', { general_settings: { allowed_ips: ['127.0.0.1'] } });
    for (const name of names) expect(await call(own, name)).toBe(200);
    const named = (): Promise<unknown[]> =>
      database.query('SELECT DISTINCT customer_id FROM ledger_entries WHERE customer_id = ANY ($1)', [names]);
    await expect.poll(named).toHaveLength(names.length);
    const ours = async (): Promise<unknown> => ({
      roles: await database.query(`SELECT team_id, role FROM team_members ORDER BY 1, 2`),
      calls: await database.query(
        `SELECT status, model_group, count(*), jsonb_agg(DISTINCT charge #>> '{scope,type}') AS charged
         FROM ledger_entries, jsonb_array_elements(charges) AS charge GROUP BY 1, 2 ORDER BY 1, 2`,
      ),
      balances: await database.query(
        `SELECT scope_type, budget, sum(settled_nano) FROM balances GROUP BY 1, 2 ORDER BY 1, 2`,
      ),
      keys: await database.query(
        `SELECT id, models, model_budgets, budget_windows, model_rpm_limits, aliases FROM virtual_keys ORDER BY 1`,
      ),
      archived: await database.query(`SELECT id, "row" - 'customer_id' AS was FROM archived_keys ORDER BY 1`),
      made: await database.query(`SELECT id FROM budgets UNION ALL SELECT name FROM custom_roles ORDER BY 1`),
      settings: await database.query(`SELECT section, field, value FROM config_settings ORDER BY 1, 2`),
      teams: await database.query(`SELECT id, model_aliases FROM teams ORDER BY 1`),
      lists: await Promise.all(
        ['/budget/list', '/key/list?status=deleted&return_full_object=true'].map((path) => ok('GET', path)),
      ),
    });
    const before = await ours();
    for (const name of names) await ok('POST', '/privacy/erase', { customer_id: name });
    expect(await named()).toEqual([]);
    expect(await ours()).toEqual(before);
    expect(await call(own, 'somebody-else')).toBe(200);
  });

  it('can be erased from the command line too', async () => {
    const run = await runTollgate(
      ['privacy', 'erase', '--user', 'canary-person-770', '--data-dir', product.dataDir],
      { cwd: product.folder, env: { LITELLM_MASTER_KEY: product.masterKey } },
    );
    expect(run.exitCode, run.output).toBe(0);
    expect(await dump()).not.toContain('canary-person-770');
  });
});
