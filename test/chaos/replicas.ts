import { modelEntry } from '../harness/governed-product.js';
import { ask, keepAlive, type Seen } from '../harness/load.js';
import { Replicas, tally } from '../harness/replicas.js';

/**
 * `npm run chaos -- replicas [CALLS]`: that many calls at once over three replicas and one Redis, against each kind of budget in
 * turn, with ten answers' worth of money. Not a cent too much, and nobody refused while settled money pays a minimal answer.
 */
const calls = Number(process.argv[2] ?? 500);
const REPLICAS = 3;
/** Ten tokens at a tenth of a cent. */
const ANSWER_USD = 0.01;
const CAP_USD = 10 * ANSWER_USD;
/** Sixteen tokens: what is the least worth asking for. */
const MINIMAL_USD = 0.016;

interface Subject {
  readonly key: string;
  readonly model?: string;
  readonly body?: object;
}

interface Row {
  readonly scope: string;
  readonly capped: boolean;
  readonly statuses: Record<number, number>;
  readonly spentUsd: number;
  readonly longestMs: number;
  readonly problems: readonly string[];
}

type Make = (fleet: Replicas, capped: boolean) => Promise<Subject>;

let made = 0;
const fresh = (what: string): string => `${what}-${process.pid}-${(made += 1)}`;
const budget = { max_budget: CAP_USD };
const BY_THE_MONTH = { budget_limit: CAP_USD, time_period: '30d' };
const MODEL_BUDGET = { m: BY_THE_MONTH };
/** What the configuration gives a budget is there twice: one with `max_tokens` and one without, each with all of its money. */
const one = (capped: boolean): 'one' | 'other' => (capped ? 'one' : 'other');
const PROVIDERS = { one: 'groq', other: 'mistral' };

const SCOPES: Readonly<Record<string, Make>> = {
  key: async (fleet) => ({ key: await fleet.makeKey(budget) }),
  'key, by the month': async (fleet) => ({ key: await fleet.makeKey({ ...budget, budget_duration: '30d' }) }),
  user: async (fleet) => {
    const user_id = fresh('user');
    await fleet.admin200('/user/new', { user_id, auto_create_key: false, ...budget });
    return { key: await fleet.makeKey({ user_id }) };
  },
  team: async (fleet) => {
    const team_id = fresh('team');
    await fleet.admin200('/team/new', { team_id, ...budget });
    return { key: await fleet.makeKey({ team_id }) };
  },
  'team member': async (fleet) => {
    const team_id = fresh('team');
    const user_id = fresh('user');
    await fleet.admin200('/team/new', { team_id });
    await fleet.admin200('/user/new', { user_id, auto_create_key: false });
    const member = { role: 'user', user_id };
    await fleet.admin200('/team/member_add', { team_id, member, max_budget_in_team: CAP_USD });
    return { key: await fleet.makeKey({ team_id, user_id }) };
  },
  organization: async (fleet) => {
    const organization_id = fresh('org');
    await fleet.admin200('/organization/new', {
      organization_id,
      organization_alias: organization_id,
      ...budget,
    });
    return { key: await fleet.makeKey({ organization_id }) };
  },
  project: async (fleet) => {
    const team_id = fresh('team');
    await fleet.admin200('/team/new', { team_id });
    const { project_id } = await fleet.admin200('/project/new', {
      project_alias: fresh('project'),
      team_id,
      ...budget,
    });
    return { key: await fleet.makeKey({ team_id, project_id }) };
  },
  customer: async (fleet) => {
    const user_id = fresh('customer');
    await fleet.admin200('/customer/new', { user_id, ...budget });
    return { key: await fleet.makeKey(), body: { user: user_id } };
  },
  tag: async (fleet) => {
    const name = fresh('tag');
    await fleet.admin200('/tag/new', { name, ...budget });
    return { key: await fleet.makeKey(), body: { metadata: { tags: [name] } } };
  },
  'tag of the configuration': async (fleet, capped) => ({
    key: await fleet.makeKey(),
    body: { metadata: { tags: [one(capped)] } },
  }),
  'model of a key': async (fleet) => ({ key: await fleet.makeKey({ model_max_budget: MODEL_BUDGET }) }),
  'model of a user': async (fleet) => {
    const user_id = fresh('user');
    await fleet.admin200('/user/new', { user_id, auto_create_key: false, model_max_budget: MODEL_BUDGET });
    return { key: await fleet.makeKey({ user_id }) };
  },
  'model of a team': async (fleet) => {
    const team_id = fresh('team');
    await fleet.admin200('/team/new', { team_id, model_max_budget: MODEL_BUDGET });
    return { key: await fleet.makeKey({ team_id }) };
  },
  deployment: async (fleet, capped) => ({ key: await fleet.makeKey(), model: one(capped) }),
  provider: async (fleet, capped) => ({ key: await fleet.makeKey(), model: PROVIDERS[one(capped)] }),
};

/** Of all calls: in fleets of its own. */
const PROXY = { litellm_settings: { max_budget: CAP_USD, budget_duration: '30d' } };
const NAMED = {
  router_settings: {
    provider_budget_config: Object.fromEntries(Object.values(PROVIDERS).map((name) => [name, BY_THE_MONTH])),
  },
  litellm_settings: { tag_budget_config: { one: BY_THE_MONTH, other: BY_THE_MONTH } },
};

async function start(settings: object): Promise<Replicas> {
  const fleet = await Replicas.start(
    REPLICAS,
    (provider) => ({
      model_list: [
        modelEntry('m', provider),
        ...['one', 'other'].map((name) =>
          modelEntry(name, provider, { max_budget: CAP_USD, budget_duration: '30d' }),
        ),
        ...Object.values(PROVIDERS).map((name) =>
          modelEntry(name, provider, { model: `${name}/up-${name}` }),
        ),
      ],
      ...settings,
    }),
    // The product's own, not the patience of tests.
    { env: { REDIS_COMMAND_TIMEOUT_MS: '120' } },
    { completionTokens: 10 },
  );
  return fleet;
}

async function storm(fleet: Replicas, scope: string, subject: Subject, capped: boolean): Promise<Row> {
  const agent = keepAlive(calls);
  const before = fleet.provider.requests.length;
  const seen: Seen[] = await Promise.all(
    Array.from({ length: calls }, (_, i) =>
      ask(fleet.product(i).url, {
        key: subject.key,
        id: `${scope}-${i}`,
        agent,
        body: {
          model: subject.model ?? 'm',
          messages: [{ role: 'user', content: 'hi' }],
          ...(capped ? { max_tokens: 10 } : {}),
          ...subject.body,
        },
      }),
    ),
  );
  agent.destroy();
  // What the provider would bill is the truth; each token is a tenth of a cent.
  const billed = fleet.provider.requests.slice(before);
  const spentUsd =
    billed.reduce((sum, { billed: { completionTokens } }) => sum + completionTokens, 0) / 1_000;
  const statuses = tally(seen);
  const problems: string[] = [];
  if (spentUsd > CAP_USD + 1e-9) problems.push(`overspent by $${(spentUsd - CAP_USD).toFixed(3)}`);
  const leastUsd = CAP_USD - (capped ? ANSWER_USD : MINIMAL_USD);
  if (spentUsd < leastUsd - 1e-9)
    problems.push(`$${(CAP_USD - spentUsd).toFixed(3)} were left and not given`);
  if (statuses[429]) problems.push(`${statuses[429]} waited in vain`);
  for (const status of Object.keys(statuses)
    .map(Number)
    .filter((one) => ![200, 422, 429].includes(one)))
    problems.push(`${statuses[status]} answered ${status} (${saidWith(seen, status)})`);
  const longestMs = Math.round(Math.max(...seen.map(({ tookMs }) => tookMs)));
  return { scope, capped, statuses, spentUsd, longestMs, problems };
}

/** What answers of this status said, each once: the cause is in the words. */
function saidWith(seen: readonly Seen[], status: number): string {
  const said = seen
    .filter((one) => one.status === status)
    .map(({ body }) => /"message":"([^"]*)"/.exec(body)?.[1]);
  return [...new Set(said)].join(' | ');
}

const rows: Row[] = [];
const notMeasured: string[] = [];

async function measure(fleet: Replicas, scope: string, make: Make, capped: boolean): Promise<void> {
  let subject: Subject;
  try {
    subject = await make(fleet, capped);
  } catch (error) {
    notMeasured.push(`${scope}: ${String(error)}`);
    return;
  }
  const row = await storm(fleet, scope, subject, capped);
  rows.push(row);
  process.stderr.write(
    `${scope} (${capped ? 'with' : 'without'} max_tokens): ${JSON.stringify(row.statuses)}, $${row.spentUsd.toFixed(3)} of $${CAP_USD}, longest ${row.longestMs} ms${row.problems.map((one) => `; ${one}`).join('')}\n`,
  );
}

const only = process.argv[3];
const fleet = await start(NAMED);
try {
  for (const [scope, make] of Object.entries(SCOPES)) {
    if (only !== undefined && !scope.includes(only)) continue;
    for (const capped of [true, false]) await measure(fleet, scope, make, capped);
  }
} finally {
  await fleet.dispose();
}
for (const capped of [true, false]) {
  if (only !== undefined && only !== 'proxy') continue;
  const own = await start(PROXY);
  try {
    await measure(own, 'proxy', async () => ({ key: await own.makeKey() }), capped);
  } finally {
    await own.dispose();
  }
}
for (const line of notMeasured) process.stderr.write(`not measured: ${line}\n`);
process.stdout.write(`${JSON.stringify({ calls, replicas: REPLICAS, rows, notMeasured }, null, 2)}\n`);
process.exit(rows.every(({ problems }) => problems.length === 0) && notMeasured.length === 0 ? 0 : 1);
