import {
  Budget,
  Customer,
  Organization,
  OrganizationMember,
  Project,
  Tag,
  Team,
  TeamMember,
  User,
} from '#libs/database';
import type { EntityTarget, ObjectLiteral } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Asking, GovernedProduct, modelEntry } from '../harness/governed-product.js';

let gate: GovernedProduct;
let made = 0;

/** Ten answers of ten tokens. */
const CAP = 0.1;
const CAP_NANO = 100_000_000n;

beforeAll(async () => {
  gate = await GovernedProduct.start(
    (provider) => ({
      model_list: [
        modelEntry('m', provider),
        modelEntry('capped', provider, { max_budget: CAP, budget_duration: '1d' }),
        ...['two', 'two'].map((name, i) =>
          modelEntry(name, provider, { max_budget: (i + 1) * 0.05, weight: 1 }),
        ),
        modelEntry('elsewhere', provider, { model: 'groq/fake' }),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        provider_budget_config: { groq: { budget_limit: CAP, time_period: '1d' } },
      },
      litellm_settings: {
        tag_budget_config: { campaign: { max_budget: CAP, budget_duration: '30d' } },
        max_end_user_budget_id: 'for-customers',
        budget_exceeded_throttle_percentage: 0.5,
      },
    }),
    {},
    { completionTokens: 10, firstByteDelayMs: 20 },
  );
  await insert(Budget, { id: 'for-customers', maxBudgetNano: CAP_NANO, budgetDuration: '30d' });
});
afterAll(() => gate?.dispose());
afterEach(() => {
  gate.provider.reset();
  gate.provider.behave({ completionTokens: 10, firstByteDelayMs: 20 });
});

async function insert<Row extends ObjectLiteral>(
  entity: EntityTarget<Row>,
  row: Partial<Row>,
): Promise<void> {
  await gate.database.dataSource.getRepository(entity).insert(row as never);
}

const all = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;
const next = (): string => `n${(made += 1)}`;

interface Spender {
  readonly key: string;
  readonly asking?: Asking;
  readonly headers?: Record<string, string>;
}

/** A caller of whom one scope alone has a cap, and nobody spent anything of it yet. */
const SPENDERS: Record<string, () => Promise<Spender>> = {
  key: async () => ({ key: await gate.makeKey({ max_budget: CAP }) }),
  'key of one window of several': async () => {
    const key = await gate.makeKey({
      max_budget: 5,
      budget_limits: [
        { budget_duration: '1d', max_budget: CAP },
        { budget_duration: '30d', max_budget: 9 },
      ],
    });
    return { key };
  },
  'key of one model': async () => ({
    key: await gate.makeKey({ model_max_budget: { m: { budget_limit: CAP, time_period: '1d' } } }),
  }),
  user: async () => {
    const id = next();
    await insert(User, { id, maxBudgetNano: CAP_NANO });
    return { key: await gate.makeKey({ user_id: id }) };
  },
  team: async () => {
    const id = next();
    await insert(Team, { id, maxBudgetNano: CAP_NANO, budgetDuration: '1d' });
    return { key: await gate.makeKey({ team_id: id }) };
  },
  'team member': async () => {
    const [teamId, userId] = [next(), next()];
    await insert(Team, { id: teamId });
    await insert(User, { id: userId });
    await insert(TeamMember, { teamId, userId, maxBudgetNano: CAP_NANO });
    return { key: await gate.makeKey({ team_id: teamId, user_id: userId }) };
  },
  'team member by the default of its team': async () => {
    const [teamId, userId] = [next(), next()];
    await insert(Team, { id: teamId, memberMaxBudgetNano: CAP_NANO, memberBudgetDuration: '1d' });
    await insert(User, { id: userId });
    await insert(TeamMember, { teamId, userId });
    return { key: await gate.makeKey({ team_id: teamId, user_id: userId }) };
  },
  organization: async () => {
    const [organizationId, teamId] = [next(), next()];
    await insert(Budget, { id: organizationId, maxBudgetNano: CAP_NANO });
    await insert(Organization, { id: organizationId, budgetId: organizationId });
    await insert(Team, { id: teamId, organizationId });
    return { key: await gate.makeKey({ team_id: teamId }) };
  },
  'organization member': async () => {
    const [organizationId, teamId, userId] = [next(), next(), next()];
    await insert(Organization, { id: organizationId });
    await insert(Team, { id: teamId, organizationId });
    await insert(User, { id: userId });
    await insert(TeamMember, { teamId, userId });
    await insert(OrganizationMember, { organizationId, userId, maxBudgetNano: CAP_NANO });
    return { key: await gate.makeKey({ team_id: teamId, user_id: userId }) };
  },
  project: async () => {
    const [id, teamId] = [next(), next()];
    await insert(Team, { id: teamId });
    await insert(Project, { id, teamId, maxBudgetNano: CAP_NANO });
    return { key: await gate.makeKey({ team_id: teamId, project_id: id }) };
  },
  'customer with a row': async () => {
    const id = next();
    await insert(Customer, { id, maxBudgetNano: CAP_NANO });
    return { key: await gate.makeKey(), asking: { user: id } };
  },
  'customer nobody has heard of': async () => ({
    key: await gate.makeKey(),
    headers: { 'x-litellm-customer-id': next() },
  }),
  'tag with a row': async () => {
    const name = next();
    await insert(Tag, { name, maxBudgetNano: CAP_NANO, budgetDuration: '7d' });
    return { key: await gate.makeKey(), asking: { metadata: { tags: [name, 'other'] } } };
  },
  'tag of the configuration': async () => ({ key: await gate.makeKey(), asking: { tags: ['campaign'] } }),
  deployment: async () => ({ key: await gate.makeKey(), asking: { model: 'capped' } }),
  provider: async () => ({ key: await gate.makeKey(), asking: { model: 'elsewhere' } }),
};

describe('a cap of ten answers, asked for by 120 calls at once', () => {
  it.each(Object.keys(SPENDERS))('pays exactly ten: %s', async (name) => {
    const { key, asking, headers } = (await SPENDERS[name]?.()) ?? { key: '' };
    const answers = await all(120, () => gate.chat(key, { max_tokens: 10, ...asking }, headers));
    expect([count(answers, 200), count(answers, 422)]).toEqual([10, 110]);
    expect(gate.provider.billed.requests).toBe(10);
    const refused = answers.find(({ status }) => status === 422)?.body.error;
    expect(refused).toMatchObject({ type: 'budget_exceeded', code: '422' });
    expect(refused.limit).toMatchObject({ dimension: 'usd', limit: '0.1', current: '0.1' });
  });

  it('of two deployments pays with the other one what the first cannot', async () => {
    const key = await gate.makeKey();
    const answers = await all(120, () => gate.chat(key, { model: 'two', max_tokens: 10 }));
    // Five answers here, ten there.
    expect([count(answers, 200), count(answers, 422)]).toEqual([15, 105]);
    const { limit } = answers.find(({ status }) => status === 422)?.body.error ?? {};
    expect(limit.reasons.map((reason: { limit: string }) => reason.limit).sort()).toEqual(['0.05', '0.1']);
    expect(JSON.stringify(limit)).not.toContain('groq');
  });
});

describe('what a request says about its customer and tags', () => {
  it('adds limits, and is charged where it was said', async () => {
    const [customer, tag] = [next(), next()];
    await insert(Customer, { id: customer, rpmLimit: 1 });
    const key = await gate.makeKey();
    expect((await gate.chat(key, { user: customer, tags: [tag], max_tokens: 1 })).status).toBe(200);
    const second = await gate.chat(key, { user: customer, max_tokens: 1 });
    expect(second.status).toBe(429);
    expect(second.body.error.limit).toMatchObject({ scope: 'customer', id: customer, limit: 1 });
    expect((await gate.chat(key, { max_tokens: 1 })).status).toBe(200);
    await gate.admin('/spend/logs?request_id=none');
    const spent: { scope_type: string; settled_nano: string }[] = await gate.database.dataSource.query(
      `SELECT scope_type, settled_nano FROM balances WHERE scope_id = ANY($1) AND budget = 'total' ORDER BY scope_type`,
      [[customer, tag]],
    );
    expect(spent).toEqual([
      { scope_type: 'customer', settled_nano: '1000000' },
      { scope_type: 'tag', settled_nano: '1000000' },
    ]);
  });

  it('cannot replace a pinned customer', async () => {
    const [pinned, other] = [next(), next()];
    await insert(Customer, { id: pinned, rpmLimit: 1 });
    const key = await gate.makeKey();
    await gate.database.dataSource.query(
      'UPDATE virtual_keys SET customer_id = $1 WHERE token_hash = encode(sha256($2), $3)',
      [pinned, Buffer.from(key), 'hex'],
    );
    const ask = () => gate.chat(key, { user: other, max_tokens: 1 }, { 'x-litellm-end-user-id': other });
    expect((await ask()).status).toBe(200);
    expect((await ask()).body.error.limit).toMatchObject({ scope: 'customer', id: pinned });
  });

  it('is refused for a blocked customer', async () => {
    const id = next();
    await insert(Customer, { id, blocked: true });
    const answer = await gate.chat(await gate.makeKey(), { user: id });
    expect(answer.status).toBe(403);
    expect(answer.body.error.message).toContain('blocked');
    expect(gate.provider.requests).toHaveLength(0);
  });
});

describe('a key over its budget', () => {
  it('is slowed down instead of refused where it says so', async () => {
    const key = await gate.makeKey({ max_budget: 0.005, rpm_limit: 6 });
    await gate.database.dataSource.query(
      'UPDATE virtual_keys SET throttle_on_budget_exceeded = true WHERE token_hash = encode(sha256($1), $2)',
      [Buffer.from(key), 'hex'],
    );
    const statuses: number[] = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await gate.chat(key, { max_tokens: 5 })).status);
    // Half of six a minute, the paid one among them.
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  });

  it('may spend a temporary increase until it ends', async () => {
    const key = await gate.makeKey({ max_budget: 0.005 });
    const increase = (endsAt: string) =>
      gate.database.dataSource.query(
        `UPDATE virtual_keys SET temp_budget_nano = 5000000, temp_budget_ends_at = ${endsAt} WHERE token_hash = encode(sha256($1), $2)`,
        [Buffer.from(key), 'hex'],
      );
    await increase("now() + interval '1.5 seconds'");
    const ask = () => gate.chat(key, { max_tokens: 5 });
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 422]);
    await expect.poll(async () => (await ask()).body.error.limit.limit, { timeout: 4_000 }).toBe('0.005');
  });
});

describe('an upstream that ignores its cap', () => {
  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }, '"finish_reason":"length"'],
    ['/v1/responses', { input: 'hi' }, '"response.incomplete"'],
  ])('is cut at what is held for it: %s', async (path, body, end) => {
    gate.provider.behave({ completionTokens: 3_000, honoursMaxTokens: false, frameDelayMs: 1 });
    const key = await gate.makeKey({ max_budget: CAP });
    // The vocabulary is loaded by the first count.
    await gate.ask(
      'POST',
      path,
      { model: 'm', max_tokens: 20, max_output_tokens: 20, stream: true, ...body },
      key,
    );
    gate.provider.reset();
    gate.provider.behave({ completionTokens: 3_000, honoursMaxTokens: false, frameDelayMs: 1 });
    const other = await gate.makeKey({ max_budget: CAP });
    const answer = await gate.ask(
      'POST',
      path,
      { model: 'm', max_tokens: 50, max_output_tokens: 50, stream: true, ...body },
      other,
    );
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(end);
    const spent = await gate.spendOf(other);
    expect(spent).toBeGreaterThan(0.045);
    expect(spent).toBeLessThanOrEqual(CAP);
  });
});
