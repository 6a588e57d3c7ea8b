import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY, policyOf, type RouteId } from '#libs/rbac';
import { chatBody, GovernedProduct, type Json, modelEntry } from '../harness/governed-product.js';
import {
  CALLERS,
  type CallerName,
  hashOf,
  idOf,
  isOfProxy,
  rawKeyOf,
  seedTenants,
} from '../harness/seeded-tenants.js';

/** Printed when a walk goes wrong; `TOLLGATE_WALK=SEED:STEPS` walks it again, or another, or longer. */
const [SEED = 1, STEPS = 1_200] = (process.env['TOLLGATE_WALK'] ?? '').split(':').filter(Boolean).map(Number);
/** So many requests are under way at once: what one was judged by, another may be changing. */
const AT_ONCE = 12;
const WALKERS = CALLERS.filter((caller) => !isOfProxy(caller));

let gate: GovernedProduct;
let shapes: Readonly<
  Record<string, { readonly query: readonly string[]; readonly body: readonly string[] | undefined }>
>;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider), modelEntry('secret-model', provider)],
    litellm_settings: { default_internal_user_params: { available_teams: [idOf('other-team', 'red')] } },
  }));
  await seedTenants(gate.database.dataSource);
  await gate.database.dataSource.query(
    `UPDATE organizations SET models = '{m}', max_budget_nano = 200000000000, rpm_limit = 5000`,
  );
  for (const tenant of ['red', 'blue'])
    await gate.admin('/budget/new', { budget_id: `${tenant}-budget`, max_budget: 1_000_000 });
  shapes = shapesOf(await gate.admin('/openapi.json'));
});
afterAll(() => gate?.dispose());

const ROUTES = (Object.keys(POLICY) as RouteId[]).filter((route) => {
  const { access, reachesProvider } = policyOf(route);
  return access !== 'public' && access !== 'metrics' && !reachesProvider;
});

/** Routes that somebody of a tenant may be let in to, and that end nobody's walk. */
const OPEN = ROUTES.filter((route) => {
  const { access } = policyOf(route);
  return (
    !/delete|regenerate|rotate|\/block|DELETE /.test(route) &&
    (typeof access === 'string' || access.some((role) => !role.startsWith('proxy_')))
  );
});

function shapesOf(document: Json): typeof shapes {
  return Object.fromEntries(
    ROUTES.map((route) => {
      const [method = '', path = ''] = route.split(' ');
      const operation = (document['paths'][path]?.[method.toLowerCase()] ?? {}) as Json;
      const parameters = (operation['parameters'] ?? []) as { name: string; in: string }[];
      const schema = operation['requestBody']?.content['application/json']?.schema as Json | undefined;
      const query = parameters.filter((each) => each.in === 'query').map(({ name }) => name);
      return [route, { query, body: schema && Object.keys((schema['properties'] ?? {}) as Json) }];
    }),
  );
}

/** Mulberry32: the same walk for the same seed. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a walker may put into a field: names of its own tenant, of the other and of nobody, and what it would like to have. */
class Wishes {
  /** Keys that were made on the way: their secrets, which the makers know. */
  readonly made: string[] = [];

  constructor(private readonly random: () => number) {}

  one<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)] as T;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  #tenant(): string {
    return this.one(['red', 'red', 'red', 'red', 'red', 'blue', 'blue', 'nowhere']);
  }

  key(): string {
    const caller = this.one(CALLERS);
    const raw =
      this.chance(0.3) && this.made.length > 0
        ? this.one(this.made)
        : rawKeyOf(caller, this.#tenant() as 'red');
    return this.one([raw, hashOf(raw), `${this.#tenant()}-${caller}-key`, `key_${this.#tenant()}_${caller}`]);
  }

  id(noun: string): string {
    return idOf(noun, this.#tenant());
  }

  user(): string {
    return this.chance(0.1)
      ? 'proxy-admin'
      : this.id(this.one(['chief', 'lead', 'member', 'mate', 'reader', 'neighbour']));
  }

  team(): string {
    return this.id(this.one(['team', 'other-team']));
  }

  member(): Json {
    return {
      role: this.one(['admin', 'user', 'org_admin', 'internal_user']),
      ...(this.chance(0.7) ? { user_id: this.user() } : { user_email: `${this.user()}@blue.example` }),
    };
  }

  value(field: string): unknown {
    switch (field) {
      case 'key': case 'api_key': case 'key_hash': case 'token': case 'key_alias': case 'keys_id': return this.key();
      case 'keys': return this.chance(0.5) ? [this.key(), this.key()] : [{ key: this.key(), max_budget: 1_000_000, team_id: this.team() }];
      case 'key_aliases': case 'assigned_key_ids': return [this.key()];
      case 'user_id': case 'created_by': case 'caller_id': return this.user();
      case 'user_email': return `${this.one(['chief', 'lead', 'member'])}@${this.#tenant()}.example`;
      case 'user_ids': case 'assigned_user_ids': case 'admins': return [this.user(), this.user()];
      case 'users': return [{ user_id: this.user(), max_budget: 1_000_000, user_role: 'proxy_admin' }];
      case 'user_updates': return { max_budget: 1_000_000, user_role: 'proxy_admin' };
      case 'team_id': return this.team();
      case 'team_ids': case 'assigned_team_ids': return [this.team(), this.team()];
      case 'teams': return this.chance(0.5) ? [this.team()] : [{ team_id: this.team(), user_role: 'admin' }];
      case 'organization_id': return this.id('organization');
      case 'organizations': case 'organization_ids': return [this.id('organization')];
      case 'organization_alias': return this.id('organization-alias');
      case 'team_alias': return this.id('team-alias');
      case 'project_id': return this.id('project');
      case 'end_user_id': case 'customer_id': return this.id('customer');
      case 'budget_id': case 'end_user_budget_id': return this.id('budget');
      case 'member': return this.chance(0.3) ? [this.member(), this.member()] : this.member();
      case 'members': case 'members_with_roles': return [this.member(), this.member()];
      case 'role': return this.one(['admin', 'user', 'org_admin', 'proxy_admin', 'internal_user']);
      case 'user_role': return this.one(['proxy_admin', 'proxy_admin_viewer', 'org_admin', 'internal_user', 'internal_user_viewer']);
      case 'key_type': return this.one(['management', 'llm_api', 'read_only', 'default']);
      case 'allowed_routes': return this.one([['/user/new'], ['management_routes'], ['*'], [], ['llm_api_routes']]);
      case 'models': case 'team_member_models': case 'default_team_member_models': case 'allowed_models':
        return this.one([['secret-model'], ['*'], ['all-proxy-models'], ['all-team-models'], [], ['m'], ['no-default-models']]);
      case 'aliases': case 'model_aliases': return { m: 'secret-model' };
      case 'permissions': return this.chance(0.5) ? { get_spend_routes: true } : ['/key/generate', '/key/update', '/key/delete'];
      case 'team_member_permissions': return ['/key/generate', '/key/update', '/key/delete', '/key/regenerate'];
      case 'metadata': return this.one([{}, { user_role: 'proxy_admin', max_budget: 1_000_000 }, { temp_budget_increase: 1_000_000, temp_budget_expiry: '2099-01-01' }, { allow_litellm_changed_by_header: true }, { service_account_id: this.user(), team_id: this.team() }, { model_rpm_limit: { m: 2_000_000_000 }, tags: ['blue-tag'] }]);
      case 'model_max_budget': return { m: { budget_limit: 1_000_000, time_period: '1d' } };
      case 'budget_limits': return [{ budget_duration: '1d', max_budget: 1_000_000 }];
      case 'temp_budget_expiry': return '2099-01-01';
      case 'budget_duration': return this.one(['1s', '30d', null]);
      case 'duration': return this.one(['30d', '-1', null]);
      case 'tags': return [this.id('tag')];
      case 'access_group_ids': return [this.id('group')];
      case 'blocked': case 'auto_create_key': case 'send_invite_email': case 'all_users': case 'apply_to_all_teams': case 'all_keys': return this.chance(0.5);
      case 'team_member_budget': case 'max_budget_in_team': case 'max_budget': case 'soft_budget': case 'temp_budget_increase':
        return this.one([1_000_000, null, 1, 0]);
      case 'spend': return 0;
      default:
        if (/_(?:rpm|tpm)_limit$|^[rt]pm_limit$|parallel/.test(field)) return this.one([2_000_000_000, null, 1]);
        if (/^(?:page|size|page_size)$/.test(field)) return 1;
        if (/date/.test(field)) return this.one(['2020-01-01', '2030-01-01']);
        return this.one(['x', true, 1, null]);
    }
  } // prettier-ignore
}

interface Step {
  readonly caller: CallerName;
  readonly method: string;
  readonly path: string;
  readonly body: Json | undefined;
}

function stepOf(wishes: Wishes): Step {
  const caller = wishes.one(WALKERS);
  const routes = wishes.chance(0.9) ? OPEN : ROUTES;
  const route = wishes.one(wishes.chance(0.7) ? routes.filter((each) => !each.startsWith('GET ')) : routes);
  const [method = '', template = ''] = route.split(' ');
  const noun = /^\/(?:v\d\/)?(\w+)/.exec(template)?.[1] ?? '';
  const segment = (name: string): unknown =>
    noun === 'key'
      ? wishes.key()
      : name.endsWith('_id') || name === 'id'
        ? wishes.value(`${noun.replace(/s$/, '')}_id`)
        : wishes.value(name);
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(segment(name))),
  );
  const { query = [], body } = shapes[route] ?? {};
  const share = wishes.one([0.02, 0.05, 0.1, 0.5]);
  const search = new URLSearchParams();
  for (const name of query)
    if (wishes.chance(0.4)) search.set(name, String([wishes.value(name)].flat()[0] ?? ''));
  const anchors = ['key', 'keys', `${noun}_id`, 'team_ids', 'user_ids', 'member'];
  const sent = body?.filter((name) => wishes.chance(anchors.includes(name) ? 0.7 : share));
  return {
    caller,
    method,
    path: search.size > 0 ? `${path}?${search.toString()}` : path,
    body: sent && Object.fromEntries(sent.map((name) => [name, wishes.value(name)])),
  };
}

/** What nobody of the red tenant may change, whoever he is there: all of blue, the proxy, and what the red organization as a whole has. */
async function outOfReach(): Promise<string[]> {
  const questions = [
    `SELECT 'key' AS of, to_jsonb(k) - 'last_active_at' - 'budget_reset_at' AS row FROM virtual_keys k
      WHERE k.id LIKE 'key\\_blue\\_%' OR k.id LIKE 'key\\_proxy\\_%' OR k.team_id LIKE 'blue-%' OR k.user_id LIKE 'blue-%' OR k.user_id LIKE 'proxy-%'
         OR k.organization_id LIKE 'blue-%' OR k.project_id LIKE 'blue-%' OR k.customer_id LIKE 'blue-%' OR k.budget_id LIKE 'blue-%'`,
    `SELECT 'user' AS of, to_jsonb(u) - 'last_active_at' - 'budget_reset_at' AS row FROM users u WHERE u.id LIKE 'blue-%' OR u.role LIKE 'proxy%' OR u.budget_id LIKE 'blue-%'`,
    `SELECT 'team' AS of, to_jsonb(t) - 'budget_reset_at' AS row FROM teams t WHERE t.id LIKE 'blue-%' OR t.organization_id LIKE 'blue-%' OR t.budget_id LIKE 'blue-%'`,
    `SELECT 'member' AS of, to_jsonb(t) - 'budget_reset_at' AS row FROM team_members t WHERE t.team_id LIKE 'blue-%' OR t.user_id LIKE 'blue-%' OR t.user_id LIKE 'proxy-%'`,
    `SELECT 'organization' AS of, to_jsonb(o) - 'budget_reset_at' AS row FROM organizations o WHERE o.id LIKE 'blue-%'`,
    // Its administrator may narrow what it has, and never widen it.
    `SELECT 'wider organization' AS of, to_jsonb(o) AS row FROM organizations o WHERE o.id NOT LIKE 'blue-%' AND NOT coalesce(
        o.models = '{m}' AND o.max_budget_nano <= 200000000000 AND o.rpm_limit <= 5000 AND o.budget_id IS NULL, false)`,
    `SELECT 'organization member' AS of, to_jsonb(t) - 'budget_reset_at' AS row FROM organization_members t
      WHERE t.organization_id LIKE 'blue-%' OR t.user_id LIKE 'blue-%' OR t.user_id LIKE 'proxy-%'`,
    `SELECT 'project' AS of, to_jsonb(t) - 'budget_reset_at' AS row FROM projects t WHERE t.id LIKE 'blue-%' OR t.team_id LIKE 'blue-%'`,
    ...[
      'customers',
      'budgets',
      'tags',
      'custom_roles',
      'access_groups',
      'proxy_models',
      'config_settings',
      'credentials',
    ].map((table) => `SELECT '${table}' AS of, to_jsonb(t) - 'budget_reset_at' AS row FROM ${table} t`),
    `SELECT 'spent' AS of, to_jsonb(b) - 'updated_at' AS row FROM balances b WHERE budget = 'total' AND (settled_nano > 0 OR scope_id LIKE '%blue%')`,
    // Who belongs to no organization is bounded by nothing but his own row: nobody of red may make such a one.
    `SELECT 'unbound key' AS of, to_jsonb(k.id) AS row FROM virtual_keys k WHERE k.user_id IS NULL AND k.team_id IS NULL AND k.customer_id IS NULL`,
    `SELECT 'unbound team' AS of, to_jsonb(t.id) AS row FROM teams t WHERE t.organization_id IS NULL`,
  ];
  const rows: string[] = [];
  for (const question of questions) {
    const found: object[] = await gate.database.dataSource.query(question);
    rows.push(...found.map((row) => JSON.stringify(row)));
  }
  return rows;
}

const shown = ({ caller, method, path, body }: Step): string =>
  `${caller}: ${method} ${path} ${JSON.stringify(body ?? {})}`;

/** Attack: everybody of one tenant at once, for a long time, with every name of the other in every place, and every wish in every field. */
describe(`a walk of ${STEPS} random steps from seed ${SEED}`, () => {
  it('shows nothing of the other tenant, changes nothing of it, and leads nobody beyond its own organization', async () => {
    const wishes = new Wishes(dice(SEED));
    const before = new Set(await outOfReach());
    const statuses = new Map<string, number>();
    const wrong: string[] = [];
    for (let at = 0; at < STEPS && wrong.length === 0; at += AT_ONCE) {
      const steps = Array.from({ length: AT_ONCE }, () => stepOf(wishes));
      const answers = await Promise.all(
        steps.map(async (step) => ({
          step,
          ...(await gate.ask(step.method, step.path, step.body, rawKeyOf(step.caller, 'red'))),
        })),
      );
      for (const { step, status, text, body } of answers) {
        const kind = `${Math.floor(status / 100)}xx`;
        statuses.set(kind, (statuses.get(kind) ?? 0) + 1);
        if (status >= 500) wrong.push(`breaks: ${shown(step)} -> ${status} ${text.slice(0, 300)}`);
        // What was sent may come back in a refusal; a canary of the other tenant, which nobody can know, may not.
        if (/blue-secret|7\.777/.test(text))
          wrong.push(`shows: ${shown(step)} -> ${status} ${text.slice(0, 600)}`);
        const secret = body['key'] as unknown;
        if (status < 300 && typeof secret === 'string' && secret.startsWith('sk-') && step.method !== 'GET')
          wishes.made.push(secret);
      }
      const after = await outOfReach();
      const gained = after.filter((row) => !before.has(row));
      if (gained.length > 0 || after.length !== before.size)
        wrong.push(
          `reaches: ${gained.slice(0, 5).join('\n  ')}\nby one of\n  ${answers.map(({ step, status }) => `${status} ${shown(step)}`).join('\n  ')}`,
        );
    }
    expect(wrong).toEqual([]);
    // A walk that is refused everywhere proves nothing.
    expect(statuses.get('2xx') ?? 0).toBeGreaterThan(STEPS / 20);
    const reached: string[] = [];
    for (const secret of new Set(wishes.made)) {
      const answers = await Promise.all([
        gate.ask('POST', '/v1/chat/completions', chatBody({ model: 'secret-model' }), secret),
        gate.ask('GET', '/config/list', undefined, secret),
        gate.ask('GET', '/audit', undefined, secret),
        gate.ask('POST', '/budget/new', { max_budget: 1 }, secret),
        gate.ask('GET', '/user/info?user_id=blue-member', undefined, secret),
      ]);
      for (const [which, { status, text }] of answers.entries())
        if (status < 400) reached.push(`${hashOf(secret)} ${which}: ${status} ${text.slice(0, 200)}`);
    }
    expect(reached).toEqual([]);
  }, 600_000);
});
