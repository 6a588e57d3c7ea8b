import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

const MODEL = {
  model_name: 'demo',
  litellm_params: {
    model: 'openai/x',
    mock_response: 'hi',
    input_cost_per_token: 1e-3,
    output_cost_per_token: 1e-3,
  },
};
const CHAT = { model: 'demo', messages: [{ role: 'user', content: 'x' }] };

interface Shown {
  readonly decision_id: string;
  readonly reason: string;
  readonly subject: { readonly key_id: string | null; readonly team_id: string | null } | null;
  readonly checks: readonly {
    readonly check: string;
    readonly scope: { readonly type: string; readonly id: string | null } | null;
    readonly verdict: string;
    readonly limit?: number | string;
  }[];
  readonly would_allow: {
    readonly changes: readonly Record<string, unknown>[];
    readonly wait_until: string | null;
  } | null;
}

let database: TestDatabase;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  product = await Product.start({
    databaseUrl: database.url.reveal(),
    config: { model_list: [MODEL, { ...MODEL, model_name: 'dear' }] },
    env: { JSON_LOGS: 'true' },
  });
});

afterAll(async () => {
  await product?.dispose();
  await database?.drop();
});

async function refused(key: string | null, path = '/v1/chat/completions', body: object = CHAT) {
  const response = await product.request('POST', path, body, key);
  const { error } = (await response.json()) as { error: { decision_id: string; code: unknown } };
  return {
    status: response.status,
    id: error.decision_id,
    header: response.headers.get('x-tollgate-decision-id'),
  };
}

async function shown(id: string, bearer?: string): Promise<{ status: number; decision: Shown }> {
  const response = await product.request('GET', `/decisions/${id}`, undefined, bearer ?? product.masterKey);
  return { status: response.status, decision: (await response.json()) as Shown };
}

const rows = async (): Promise<number> => {
  const [row] = (await database.dataSource.query('SELECT count(*)::int AS n FROM decisions')) as {
    n: number;
  }[];
  return row?.n ?? -1;
};

describe('a refusal', () => {
  it('has one name in the answer, its header and the log line, and under it the checks that were made', async () => {
    const key = await product.makeKey({ models: ['dear'] });
    const answer = await refused(key);
    expect(answer).toMatchObject({ status: 403, header: answer.id });
    expect(answer.id).toMatch(/^dec_[0-9a-z]{25}$/);
    await expect.poll(() => product.logs).toContain(`"decision_id":"${answer.id}"`);
    const { decision } = await shown(answer.id, key);
    expect(decision.reason).toBe('rbac.key_model_denied');
    const verdicts = decision.checks.map(({ check, verdict }) => `${check}: ${verdict}`);
    expect(verdicts.slice(0, 4)).toEqual([
      'network: passed',
      'served_route: passed',
      'credential: passed',
      'blocked: passed',
    ]);
    expect(verdicts).toContain('route: passed');
    expect(verdicts).toContain('model: refused');
    expect(verdicts).toContain('deployment: not_reached');
    expect(decision.would_allow?.changes).toEqual([
      {
        action: 'grant_model',
        scope: { type: 'key', id: decision.subject?.key_id },
        field: 'models',
        value: 'demo',
      },
    ]);
  });

  /** A wrong field is a mistake of a client: nothing was decided, and there is nothing to ask about. */
  it('is none when a body cannot be read', async () => {
    for (const [path, body, status] of [
      ['/key/generate', { models: 7 }, 422],
      ['/key/delete', {}, 422],
      ['/v1/chat/completions', { ...CHAT, stream: 'yes' }, 400],
    ] as const) {
      const answer = await refused(product.masterKey, path, body);
      expect(answer, path).toEqual({ status, id: undefined, header: null });
    }
  });

  it('is there for its own key and for administrators; for everybody else it never was', async () => {
    const key = await product.makeKey({ models: ['dear'] });
    const other = await product.makeKey();
    const { id } = await refused(key);
    expect((await shown(id, key)).status).toBe(200);
    expect((await shown(id)).status).toBe(200);
    const foreign = await shown(id, other);
    const missing = await shown(`dec_${'0'.repeat(25)}`, other);
    expect(foreign.status).toBe(404);
    expect(JSON.stringify(foreign.decision)).toBe(JSON.stringify(missing.decision));
  });

  it('is kept: the next process knows it, with all facts for administrators and its own for the caller', async () => {
    await product.request('POST', '/team/new', { team_id: 'blue', max_budget: 0, rpm_limit: 77 });
    const key = await product.makeKey({ team_id: 'blue', rpm_limit: 55 });
    const answer = await refused(key);
    expect(answer.status).toBe(422);
    await expect.poll(rows).toBeGreaterThan(0);
    await product.restart();
    const { decision: all } = await shown(answer.id);
    const limitsOf = ({ checks }: Shown) =>
      checks.filter(({ check }) => check === 'limit').map(({ scope, limit }) => [scope?.type, limit]);
    expect(limitsOf(all)).toEqual([
      ['key', 55],
      ['team', 77],
    ]);
    expect(all.checks.find(({ verdict }) => verdict === 'refused')).toMatchObject({
      check: 'budget',
      scope: { type: 'team', id: 'blue' },
      limit: '0',
    });
    const { decision: own } = await shown(answer.id, key);
    expect(limitsOf(own)).toEqual([
      ['key', 55],
      ['team', undefined],
    ]);
  });

  it('of a key that is blocked or has ended is a known caller’s', async () => {
    const blocked = await product.makeKey();
    await product.request('POST', '/key/block', { key: blocked });
    const { decision } = await shown((await refused(blocked)).id);
    expect(decision.subject?.key_id).toMatch(/^key_/);
    expect(decision.checks.find(({ verdict }) => verdict === 'refused')?.check).toBe('blocked');
    expect(decision.checks.some(({ check, verdict }) => check === 'route' && verdict === 'passed')).toBe(
      false,
    );
  });

  it('on an admin route is kept by the route that was declared', async () => {
    const key = await product.makeKey();
    const { status, id } = await refused(key, '/user/new', { user_id: 'x' });
    expect([401, 403]).toContain(status);
    const { decision } = await shown(id);
    expect(decision).toMatchObject({ route: 'POST /user/new' });
    expect(decision.would_allow?.changes[0]).toMatchObject({ action: 'grant_role' });
  });
});

/** Whoever guesses keys must not be able to fill the database, nor push out what real callers ask about. */
describe('a credential that nobody has', () => {
  it('leaves no row, however often it comes, and is found only where it knocked', async () => {
    const key = await product.makeKey({ models: ['dear'] });
    const known = await refused(key);
    await expect.poll(async () => (await shown(known.id)).status).toBe(200);
    const first = await refused(`sk-guess-${'x'.repeat(24)}`);
    for (let round = 0; round < 15; round += 1)
      await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          refused(`sk-guess-${String(round * 100 + n).padStart(24, '0')}`),
        ),
      );
    const last = await refused(`sk-guess-${'y'.repeat(24)}`);
    expect((await shown(last.id)).decision.subject).toBeNull();
    expect((await shown(first.id)).status).toBe(404);
    expect((await shown(known.id)).status).toBe(200);
    expect((await shown(last.id, key)).status).toBe(404);
    const strangers = await database.dataSource.query(
      `SELECT id FROM decisions WHERE code = 'auth.credential_unknown'`,
    );
    expect(strangers).toEqual([]);
  });
});

/** A client in a loop against its limit: a bounded number of rows, the rest as a number. */
it('a caller that is refused again and again takes a bounded number of rows', async () => {
  const key = await product.makeKey({ models: ['dear'] });
  const before = await rows();
  for (let round = 0; round < 3; round += 1)
    await Promise.all(Array.from({ length: 100 }, () => refused(key)));
  const metrics = await (await product.request('GET', '/metrics')).text();
  expect(Number(/^tollgate_decisions_dropped (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(100);
  await expect.poll(rows).toBeGreaterThan(before);
  expect(await rows()).toBeLessThanOrEqual(before + 200);
});
