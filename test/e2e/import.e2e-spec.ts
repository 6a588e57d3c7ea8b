import { createHash } from 'node:crypto';
import { createDataSource } from '#libs/database';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandRun, runTollgate } from '../harness/command.js';
import { type Json, GovernedProduct } from '../harness/governed-product.js';
import { makeLiteLLM, SALT_KEY } from '../harness/litellm-database.js';
import { createTestDatabase, silentLogger, type TestDatabase } from '../harness/postgres.js';

const OLD_KEY = 'sk-old-key-of-alice-000000000001';
const SPENT_KEY = 'sk-old-key-that-is-spent-00000002';
const BLOCKED_KEY = 'sk-old-key-that-is-blocked-000003';
const FORMER_SECRET = 'sk-old-key-before-rotation-000004';
const INVITATION = '5f0c2a1e-invitation-of-alice';
const PROVIDER_KEY = 'sk-upstream-key-sealed-by-litellm-0000001';

const hashOf = (raw: string): string => createHash('sha256').update(raw).digest('hex');

let own: GovernedProduct;
let litellm: TestDatabase;
let theirs: DataSource;

beforeAll(async () => {
  own = await GovernedProduct.start(() => ({ model_list: [] }), {
    env: { LITELLM_SALT_KEY: 'the-salt-of-tollgate-itself' },
  });
  litellm = await createTestDatabase();
  // Theirs, in a schema of ours that nobody looks at: only its LiteLLM tables count.
  theirs = await createDataSource({ url: litellm.url }, silentLogger);
  await makeLiteLLM(theirs, {
    VerificationToken: [
      {
        token: hashOf(OLD_KEY),
        key_name: 'sk-...0001',
        key_alias: 'alice-laptop',
        user_id: 'alice',
        team_id: 'crew',
        spend: 1.5,
        total_spend: 4,
        max_budget: 10,
        budget_duration: '30d',
        models: ['served'],
        rpm_limit: 50,
        metadata: {
          note: 'hers',
          model_rpm_limit: { served: 40 },
          guardrails: ['pii'],
          denied_passthrough_routes: ['/hooks'],
        },
        created_at: '2026-01-02T03:04:05',
      },
      {
        token: hashOf(SPENT_KEY),
        key_name: 'sk-...0002',
        key_alias: 'alice-laptop',
        spend: 7.25,
        max_budget: 7.25,
        tpd_limit: 9,
      },
      { token: hashOf(BLOCKED_KEY), key_name: 'sk-...0003', key_alias: 'shut', blocked: true },
      { token: hashOf('sk-dashboard'), team_id: 'litellm-dashboard' },
    ],
    DeprecatedVerificationToken: [
      {
        id: 'd1',
        token: hashOf(FORMER_SECRET),
        active_token_id: hashOf(OLD_KEY),
        revoke_at: '2099-01-01T00:00:00',
      },
    ],
    UserTable: [
      {
        user_id: 'alice',
        user_email: 'Alice@example.com',
        user_role: 'internal_user',
        spend: 3,
        max_budget: 100,
      },
      { user_id: 'left', user_role: 'internal_user', metadata: { scim_active: false, note: 'kept' } },
      { user_id: 'ann', user_email: 'alice@EXAMPLE.com', user_role: 'proxy_admin_viewer' },
    ],
    OrganizationTable: [
      { organization_id: 'org-1', organization_alias: 'Org', budget_id: 'b-org', spend: 12 },
    ],
    OrganizationMembership: [{ user_id: 'ann', organization_id: 'org-1', user_role: 'org_admin' }],
    BudgetTable: [
      { budget_id: 'b-org', max_budget: 500, budget_duration: '1mo', created_by: 'x' },
      { budget_id: 'b-member', max_budget: 2, created_by: 'x', allowed_models: ['served'] },
    ],
    TeamTable: [
      {
        team_id: 'crew',
        team_alias: 'The crew',
        organization_id: 'org-1',
        max_budget: 50,
        spend: 6,
        models: ['served'],
        members_with_roles: [
          { role: 'admin', user_id: 'alice' },
          { role: 'user', user_id: 'ghost' },
        ],
      },
      { team_id: 'empty', members_with_roles: {} },
    ],
    TeamMembership: [{ user_id: 'alice', team_id: 'crew', spend: 0.5, budget_id: 'b-member' }],
    EndUserTable: [{ user_id: 'customer-9', alias: 'Nine', blocked: true, spend: 2 }],
    AccessGroupTable: [
      {
        access_group_id: 'g1',
        access_group_name: 'fast',
        access_model_names: ['served'],
        assigned_key_ids: [hashOf(OLD_KEY)],
      },
    ],
    CredentialsTable: [
      {
        credential_id: 'c1',
        credential_name: 'up',
        credential_values: { api_key: PROVIDER_KEY, api_base: own.provider.url },
        sealed: true,
      },
    ],
    ProxyModelTable: [
      {
        model_id: 'm1',
        model_name: 'served',
        litellm_params: { model: 'openai/up', litellm_credential_name: 'up' },
        sealed: true,
      },
      { model_id: 'm2', model_name: 'strange', litellm_params: { model: 'nobody-knows/this' }, sealed: true },
    ],
    JWTKeyMapping: [
      { id: 'j1', jwt_claim_name: 'sub', jwt_claim_value: 'alice-sub', token: hashOf(OLD_KEY) },
      {
        id: 'j2',
        jwt_issuer: 'https://idp.example',
        jwt_claim_name: 'sub',
        jwt_claim_value: 'off',
        token: hashOf(OLD_KEY),
        is_active: false,
      },
      { id: 'j3', jwt_claim_name: 'sub', jwt_claim_value: 'nobody', token: hashOf('sk-gone') },
    ],
    InvitationLink: [
      { id: INVITATION, user_id: 'alice', expires_at: '2099-01-01T00:00:00', created_by: 'ann' },
      { id: 'invitation-before', user_id: 'alice', expires_at: '2098-01-01T00:00:00' },
      { id: 'invitation-used', user_id: 'ann', is_accepted: true, expires_at: '2099-01-01T00:00:00' },
      { id: 'invitation-over', user_id: 'ann', expires_at: '2020-01-01T00:00:00' },
      { id: 'invitation-of-ghost', user_id: 'ghost', expires_at: '2099-01-01T00:00:00' },
    ],
    SpendLogs: [{ request_id: 'r1' }, { request_id: 'r2' }],
  });
}, 60_000);
afterAll(async () => {
  await theirs?.destroy();
  await litellm?.drop();
  await own?.dispose();
});

async function runImport(...flags: string[]): Promise<CommandRun> {
  const { product, database } = own;
  const run = await runTollgate(
    ['import', '--data-dir', product.dataDir, '--salt-key-env', 'THEIR_SALT', ...flags],
    {
      cwd: product.folder,
      env: {
        DATABASE_URL: database.url.reveal(),
        LITELLM_DATABASE_URL: litellm.url.reveal(),
        LITELLM_MASTER_KEY: product.masterKey,
        LITELLM_SALT_KEY: 'the-salt-of-tollgate-itself',
        THEIR_SALT: SALT_KEY,
      },
    },
  );
  expect(run.exitCode, run.output).toBe(0);
  expect(run.output).not.toContain(PROVIDER_KEY);
  expect(run.output).not.toContain(INVITATION);
  return run;
}

async function rowCounts(): Promise<unknown> {
  const tables = ['virtual_keys', 'users', 'teams', 'balances', 'changes', 'proxy_models', 'encryption_keys'];
  const counts = tables.map((name) => `(SELECT count(*) FROM ${name}) AS ${name}`);
  const recorded = `(SELECT count(*) FROM audit_events WHERE actor_user_id = 'tollgate import') AS recorded`;
  return own.database.dataSource.query(`SELECT ${[...counts, recorded].join(', ')}`);
}

async function call(key: string, model = 'served'): Promise<{ status: number; text: string }> {
  const body = { model, messages: [{ role: 'user', content: 'hello' }] };
  const response = await own.product.request('POST', '/v1/chat/completions', body, key);
  return { status: response.status, text: await response.text() };
}

async function info(path: string): Promise<Json> {
  const response = await own.product.request('GET', path);
  expect(response.status, path).toBe(200);
  return (await response.json()) as Json;
}

describe('an import from LiteLLM', () => {
  it('says what it would do, and does nothing', async () => {
    expect((await call(OLD_KEY)).status).toBe(401);
    const before = await rowCounts();
    const { output } = await runImport('--dry-run');
    expect(output).toMatch(/^Dry run: nothing is changed\./);
    expect(output).toContain('keys: 3 new, 0 changed, 0 the same');
    expect(output).toContain('teams: 2 new');
    expect(output).toContain('models: 1 new');
    expect(output).toContain('access groups: 1 new');
    expect(await rowCounts()).toEqual(before);
  });

  it('names everything that it leaves behind', async () => {
    const { output } = await runImport('--dry-run');
    for (const line of [
      'keys: tpd_limit is not there yet: ',
      'keys: guardrails is not there yet: alice-laptop',
      'keys: alias is taken by another and left out: ',
      'keys: sign-ins to LiteLLM’s own pages: ',
      'users: email is taken by another and left out: ',
      'team members: the user or the team is not there: crew:ghost',
      'mappings of tokens: the key is not there: sub=nobody',
      'invitations: the user is not there: ghost',
      'tables that are not read (LiteLLM_SpendLogs: 2 rows)',
    ])
      expect(output).toContain(line);
    expect(output).toMatch(/models: .*strange \(m2\)/);
  });

  it('makes old keys work at once in a gateway that has already refused them', async () => {
    const { output } = await runImport();
    expect(output).toMatch(/^Imported\./);
    await expect.poll(async () => (await call(OLD_KEY)).status, { timeout: 5_000 }).toBe(200);
    expect(own.provider.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${PROVIDER_KEY}`);
    expect((await call(FORMER_SECRET)).status).toBe(200);
    expect((await call(OLD_KEY, 'other')).status).not.toBe(200);
    expect((await call(BLOCKED_KEY)).status).toBe(401);
  });

  it('brings limits, budgets, people and what was spent', async () => {
    const spent = await call(SPENT_KEY);
    expect(spent.text).toMatch(/budget/i);
    expect(spent.status).not.toBe(200);
    const { info: key } = (await info(`/key/info?key=${hashOf(OLD_KEY)}`)) as { info: Json };
    expect(key).toMatchObject({
      key_alias: 'alice-laptop', user_id: 'alice', team_id: 'crew', max_budget: 10, budget_duration: '30d', rpm_limit: 50, models: ['served'],
    }); // prettier-ignore
    expect(key['metadata']).toMatchObject({ note: 'hers' });
    expect(key['metadata']).not.toHaveProperty('guardrails');
    const rows: Json[] = await own.database.dataSource.query(
      `SELECT scope_type, scope_id, budget, settled_nano FROM balances WHERE scope_id IN ('org-1', 'customer-9') ORDER BY 1, 3`,
    );
    expect(rows).toEqual(
      expect.arrayContaining([
        { scope_type: 'customer', scope_id: 'customer-9', budget: 'total', settled_nano: '2000000000' },
      ]),
    );
    const sums: Json[] = await own.database.dataSource.query(
      `SELECT b.scope_id FROM balances b WHERE b.settled_nano <> 0 AND NOT EXISTS (SELECT FROM ledger_entries) AND b.settled_nano <>
         (SELECT sum(delta_nano) FROM spend_adjustments a WHERE (a.scope_type, a.scope_id, a.budget, a.period_id)
            = (b.scope_type, b.scope_id, b.budget, b.period_id))`,
    );
    expect(sums).toEqual([]);
    const { team_memberships: members, team_info: team } = await info('/team/info?team_id=crew');
    expect(team).toMatchObject({ team_alias: 'The crew', organization_id: 'org-1', max_budget: 50 });
    expect(JSON.stringify(members)).toContain('alice');
  });

  it('brings mappings of tokens, and links that were mailed', async () => {
    const { mappings } = await info('/jwt/key/mapping/list');
    expect(
      (mappings as Json[])
        .map(({ id, jwt_issuer, is_active }) => ({ id, jwt_issuer, is_active }) as Json)
        .toSorted((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1)),
    ).toEqual([
      { id: 'j1', jwt_issuer: '', is_active: true },
      { id: 'j2', jwt_issuer: 'https://idp.example', is_active: false },
    ]);
    const link = await fetch(`${own.product.url}/onboarding/get_token?invite_link=${INVITATION}`);
    expect(await link.json()).toMatchObject({ user_email: 'Alice@example.com' });
    const links: Json[] = await own.database.dataSource.query('SELECT id FROM invitations');
    expect(links).toEqual([{ id: INVITATION }]);
    expect((await info('/audit?page_size=100'))['total']).toBeGreaterThan(0);
    expect(JSON.stringify(await info('/audit?page_size=100'))).not.toContain(INVITATION);
  });

  /** Attack: somebody who was sent away, or a service that was closed to a key, is open again after the move. */
  it('closes here what was closed there', async () => {
    const { user_info: user } = await info('/user/info?user_id=left');
    expect(user.metadata).toEqual({ note: 'kept', scim_active: false });
    const rows: Json[] = await own.database.dataSource.query(
      `SELECT scim_active FROM users WHERE id = 'left'`,
    );
    expect(rows).toEqual([{ scim_active: false }]);
    const { info: key } = (await info(`/key/info?key=${hashOf(OLD_KEY)}`)) as { info: Json };
    expect(key['metadata']).toMatchObject({ denied_passthrough_routes: ['/hooks'] });
  });

  it('leaves one audit record for each noun, and secrets sealed anew', async () => {
    const events: Json[] = await own.database.dataSource.query(
      `SELECT noun, count(*)::int AS n FROM audit_events WHERE actor_user_id = 'tollgate import' GROUP BY noun ORDER BY noun`,
    );
    expect(events.every(({ n }) => n === 1)).toBe(true);
    expect(events.map(({ noun }) => noun as string)).toEqual(
      expect.arrayContaining([
        'key',
        'team',
        'user',
        'organization',
        'budget',
        'model',
        'credential',
        'customer',
        'team_member',
      ]),
    );
    const stored: Json[] = await own.database.dataSource.query('SELECT secrets FROM credentials');
    expect(JSON.stringify(stored)).not.toContain(PROVIDER_KEY);
  });

  it('run again changes nothing', async () => {
    const before = await rowCounts();
    const { output } = await runImport();
    expect(output).not.toMatch(/[1-9]\d* new|[1-9]\d* changed/);
    expect(output).toContain('keys: 0 new, 0 changed, 3 the same');
    expect(await rowCounts()).toEqual(before);
  });

  it('follows LiteLLM, but brings nothing back that was blocked or deleted here', async () => {
    await theirs.query(`UPDATE "LiteLLM_TeamTable" SET max_budget = 60 WHERE team_id = 'crew'`);
    expect((await own.product.request('POST', '/key/block', { key: hashOf(OLD_KEY) })).status).toBe(200);
    expect((await own.product.request('POST', '/key/delete', { keys: [hashOf(SPENT_KEY)] })).status).toBe(
      200,
    );
    const { output } = await runImport();
    expect(output).toContain('changed: The crew (maxBudgetNano)');
    expect(output).toContain('keys: is blocked here and stays so: alice-laptop');
    expect(output).toContain('keys: was deleted here and stays so: ');
    expect((await call(OLD_KEY)).status).toBe(401);
    expect((await call(SPENT_KEY)).status).toBe(401);
    expect((await info('/team/info?team_id=crew'))['team_info']).toMatchObject({ max_budget: 60, spend: 6 });
  });
});
