import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTollgate } from '../harness/command.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { MODEL } from '../harness/priced-demo.js';
import { Product } from '../harness/product.js';
import { anyPolicies, GovernedKey, type Policies, type ToldChange } from '../harness/random-policies.js';

const CHAT = { model: 'demo', messages: [{ role: 'user', content: 'x' }], max_tokens: 16 };
/** At least what the gateway bounds the call above by, so that what is said to be enough is enough. */
const TOKENS = { estimated_tokens: 250, max_tokens: 16 };

interface Explained {
  readonly allowed: boolean;
  readonly status: number | null;
  readonly reason: string | null;
  readonly checks: readonly {
    readonly check: string;
    readonly scope: { readonly type: string; readonly id: string | null } | null;
    readonly verdict: string;
    readonly limit?: number | string;
    readonly current?: number | string;
  }[];
  readonly would_allow: { readonly text: readonly string[]; readonly changes: readonly ToldChange[] } | null;
}

let database: TestDatabase;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: { model_list: [MODEL, { ...MODEL, model_name: 'dear' }] },
  });
});

afterAll(async () => {
  await product?.dispose();
  await database?.drop();
});

async function explained(body: object, bearer?: string): Promise<Explained> {
  const response = await product.request('POST', '/explain', { model: 'demo', ...TOKENS, ...body }, bearer);
  expect(response.status).toBe(200);
  return (await response.json()) as Explained;
}

/** A real call: its status, and the reason under which its refusal is kept. */
async function real(key: string): Promise<{ status: number; reason: string | null }> {
  const response = await product.request('POST', '/v1/chat/completions', CHAT, key);
  const { error } = (await response.json()) as { error?: { decision_id?: string } };
  if (response.ok) return { status: 200, reason: null };
  const kept = await product.request('GET', `/decisions/${error?.decision_id ?? ''}`);
  return { status: response.status, reason: ((await kept.json()) as { reason: string }).reason };
}

/** If these two could disagree, the explanation would be worse than none. */
describe('for any caller under any policies', () => {
  it('what is explained is what happens, and making the changes it names lets the call through', async () => {
    let made = 0;
    const verdicts = { passed: 0, refused: 0 };
    const agrees = async (policies: Policies): Promise<void> => {
      made += 1;
      const key = await GovernedKey.make(product, policies, String(made));
      const before = await explained({ key: key.hash });
      const happened = await real(key.secret);
      expect({ status: before.status ?? 200, reason: before.reason }).toEqual(happened);
      expect(before.allowed).toBe(happened.status === 200);
      verdicts[before.allowed ? 'passed' : 'refused'] += 1;
      if (before.allowed) return;
      await key.apply(before.would_allow?.changes ?? []);
      expect((await explained({ key: key.hash })).allowed).toBe(true);
      expect(await real(key.secret)).toEqual({ status: 200, reason: null });
    };
    // Callers share nothing, so several are tried at once: sixty in all.
    const several = fc.array(anyPolicies, { minLength: 5, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(several, async (callers) => void (await Promise.all(callers.map(agrees)))),
      { numRuns: 12, endOnFailure: true },
    );
    // A test of agreement that only ever saw one verdict would prove nothing.
    expect(Math.min(verdicts.passed, verdicts.refused)).toBeGreaterThan(3);
  }, 60_000);
});

describe('asking', () => {
  it('takes nothing: not a request, not a token, not a cent', async () => {
    const key = await product.makeKey({
      rpm_limit: 1,
      tpm_limit: 1000,
      max_parallel_requests: 1,
      max_budget: 0.001,
    });
    const answers = await Promise.all(Array.from({ length: 30 }, () => explained({}, key)));
    expect(answers.every(({ allowed }) => allowed)).toBe(true);
    expect((await real(key)).status).toBe(200);
    const after = await explained({}, key);
    expect(after).toMatchObject({ allowed: false, status: 429, reason: 'ratelimit.exceeded' });
    expect(after.checks.find(({ verdict }) => verdict === 'refused')).toMatchObject({
      check: 'limit',
      limit: 1,
      current: 1,
    });
  });

  it('says everything that is in the way, in the order in which it is asked', async () => {
    await product.request('POST', '/team/new', { team_id: 'tight', models: ['dear'], max_budget: 0 });
    const key = await product.makeKey({ team_id: 'tight', models: ['dear'], rpm_limit: 0 });
    const answer = await explained({ key });
    const refused = answer.checks.filter(({ verdict }) => verdict === 'refused');
    expect(refused.map(({ check, scope }) => `${check} ${scope?.type}`)).toEqual([
      'model key',
      'model team',
      'budget team',
      'limit key',
    ]);
    expect(answer.would_allow?.changes.map(({ action }) => action)).toEqual([
      'grant_model',
      'grant_model',
      'raise_budget',
      'raise_limit',
    ]);
  });

  it('about a route of the control plane says which role would be let through', async () => {
    await product.request('POST', '/user/new', { user_id: 'ann', auto_create_key: false });
    const answer = await explained({ user_id: 'ann', route: 'GET /audit' });
    expect(answer).toMatchObject({ allowed: false });
    expect(answer.would_allow?.changes[0]).toMatchObject({ action: 'grant_role', field: 'user_role' });
    const admin = await explained({ user_id: 'ann', role: 'proxy_admin_viewer', route: 'GET /audit' });
    expect(admin.allowed).toBe(true);
  });
});

/** A tool that explains must not become one that spies. */
describe('who may ask about whom', () => {
  it('everybody about itself: of scopes that are others’ it learns verdicts, no numbers', async () => {
    await product.request('POST', '/team/new', { team_id: 'rich', max_budget: 1234, rpm_limit: 99 });
    const key = await product.makeKey({ team_id: 'rich', rpm_limit: 11 });
    const limits = ({ checks }: Explained) =>
      checks.filter(({ check }) => check === 'limit').map(({ scope, limit }) => [scope?.type, limit]);
    expect(limits(await explained({}, key))).toEqual([
      ['key', 11],
      ['team', undefined],
    ]);
    expect(limits(await explained({ key }))).toEqual([
      ['key', 11],
      ['team', 99],
    ]);
  });

  it('nobody about others: who is not yours is answered as who is not there', async () => {
    const [mine, other] = [
      await product.makeKey({ key_alias: 'mine' }),
      await product.makeKey({ key_alias: 'other' }),
    ];
    const asked = async (body: object) => {
      const response = await product.request('POST', '/explain', { model: 'demo', ...body }, mine);
      return [response.status, (await response.text()).replace(/dec_\w+/, '')];
    };
    const missing = await asked({ key: 'nobody' });
    expect(missing[0]).toBe(404);
    for (const body of [
      { key: 'other' },
      { key: other },
      { user_id: 'ann' },
      { team_id: 'rich' },
      { user_id: 'ann', role: 'proxy_admin' },
    ])
      expect(await asked(body)).toEqual(missing);
  });

  it('administrators of an organization about theirs', async () => {
    for (const organization of ['acme', 'umbrella']) {
      await product.request('POST', '/organization/new', {
        organization_id: organization,
        organization_alias: organization,
      });
      await product.request('POST', '/team/new', {
        team_id: `${organization}-team`,
        organization_id: organization,
      });
    }
    await product.request('POST', '/user/new', { user_id: 'chief', auto_create_key: false });
    await product.request('POST', '/organization/member_add', {
      organization_id: 'acme',
      member: { user_id: 'chief', role: 'org_admin' },
    });
    const chief = await product.makeKey({ user_id: 'chief' });
    const [ours, theirs] = [
      await product.makeKey({ team_id: 'acme-team' }),
      await product.makeKey({ team_id: 'umbrella-team' }),
    ];
    expect((await explained({ key: ours }, chief)).allowed).toBe(true);
    expect((await explained({ team_id: 'acme-team' }, chief)).allowed).toBe(true);
    for (const body of [{ key: theirs }, { team_id: 'umbrella-team' }, { organization_id: 'umbrella' }])
      expect((await product.request('POST', '/explain', { model: 'demo', ...body }, chief)).status).toBe(404);
  });

  it('does not tell which models exist behind a list that refuses them', async () => {
    const key = await product.makeKey({ models: ['demo'] });
    const [there, not] = [await explained({ model: 'dear' }, key), await explained({ model: 'never' }, key)];
    expect(JSON.stringify(there).replaceAll('dear', 'M')).toBe(JSON.stringify(not).replaceAll('never', 'M'));
  });

  it('takes a secret only in the body, and writes it nowhere', async () => {
    const key = await product.makeKey({ models: ['dear'] });
    const answer = await explained({ key });
    expect(JSON.stringify(answer)).not.toContain(key);
    expect((await product.request('POST', `/explain?key=${key}`, { model: 'demo' })).status).toBe(200);
    expect(product.logs).not.toContain(key);
  });

  it('nobody without a credential', async () => {
    expect((await product.request('POST', '/explain', { model: 'demo' }, null)).status).toBe(401);
    const bad = await product.request('POST', '/explain', { model: 'demo', kee: 'x' });
    expect(bad.status).toBe(400);
  });
});

it('is on the command line, as a table and as JSON, with keys from standard input only', async () => {
  const key = await product.makeKey({ models: ['dear'], key_alias: 'cli' });
  const env = { TOLLGATE_URL: product.url, TOLLGATE_API_KEY: product.masterKey };
  const table = await runTollgate(['explain', '--key', 'cli', '--model', 'demo'], { env });
  expect(table.exitCode).toBe(4);
  expect(table.output).toMatch(/refused: 403 rbac\.key_model_denied/);
  expect(table.output).toMatch(/model +key key_\w+ +refused/);
  const refused = await product.request('POST', '/v1/chat/completions', CHAT, key);
  const { error } = (await refused.json()) as { error: { decision_id: string } };
  const json = await runTollgate(['explain', error.decision_id, '-o', 'json'], { env });
  expect(json.exitCode).toBe(0);
  expect(JSON.parse(json.output)).toMatchObject({
    decision_id: error.decision_id,
    reason: 'rbac.key_model_denied',
  });
  expect((await runTollgate(['explain', '--key', key, '--model', 'demo'], { env })).exitCode).toBe(2);
  expect((await runTollgate(['explain', '--model', 'demo'], { env })).exitCode).toBe(0);
});
