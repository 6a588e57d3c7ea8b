import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY, policyOf, type RouteId } from '#libs/rbac';
import { type Answer, GovernedProduct, type Json, modelEntry } from '../harness/governed-product.js';
import {
  CALLERS,
  type CallerName,
  hashOf,
  idOf,
  isOfProxy,
  rawKeyOf,
  seedTenants,
} from '../harness/seeded-tenants.js';

let gate: GovernedProduct;
let fields: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({ model_list: [modelEntry('m', provider)] }));
  await seedTenants(gate.database.dataSource);
  fields = fieldsOf(await gate.admin('/openapi.json'));
});
afterAll(() => gate?.dispose());

/** Those who could gain something; the chief rules its organization and is asked about others only. */
const CLIMBERS = CALLERS.filter((caller) => !isOfProxy(caller) && caller !== 'chief');
const WRITES = (Object.keys(POLICY) as RouteId[]).filter((route) => {
  const { access, reachesProvider } = policyOf(route);
  return !route.startsWith('GET ') && access !== 'public' && !reachesProvider;
});

/** What a caller would like to have, by the field it could be asked for in. */
const WISHES: Readonly<Record<string, readonly unknown[]>> = {
  user_role: ['proxy_admin', 'org_admin'],
  role: ['proxy_admin', 'org_admin', 'admin'],
  max_budget: [1_000_000, null],
  soft_budget: [1_000_000],
  spend: [0],
  budget_duration: ['1s'],
  budget_id: ['anything'],
  budget_limits: [[{ budget_duration: '1d', max_budget: 1_000_000 }]],
  model_max_budget: [{ m: { budget_limit: 1_000_000, time_period: '1d' } }],
  temp_budget_increase: [1_000_000],
  max_budget_in_team: [1_000_000],
  rpm_limit: [2_000_000_000],
  tpm_limit: [2_000_000_000],
  max_parallel_requests: [2_000_000_000],
  user_id: ['proxy-admin', idOf('chief', 'red'), idOf('lead', 'red')],
  team_id: [idOf('other-team', 'red'), idOf('team', 'blue')],
  organization_id: [idOf('organization', 'blue')],
  organizations: [[idOf('organization', 'blue')], [idOf('organization', 'red')]],
  teams: [[idOf('other-team', 'red')], [{ team_id: idOf('other-team', 'red'), user_role: 'admin' }]],
  allowed_routes: [['/user/new'], ['management_routes'], ['*']],
  key_type: ['management'],
  permissions: [{ get_spend_routes: true }],
  models: [['all-proxy-models'], ['*']],
  aliases: [{ m: 'secret-model' }],
  blocked: [false],
  metadata: [
    { user_role: 'proxy_admin', max_budget: 1_000_000 },
    { temp_budget_increase: 1_000_000, temp_budget_expiry: '2099-01-01' },
    { allow_litellm_changed_by_header: true },
    { service_account_id: 'x', priority: 'prod' },
  ],
  config: [{ model_list: [] }],
  router_settings: [{ model_group_alias: { m: 'secret-model' } }],
  object_permission: [{ vector_stores: ['*'] }],
  access_group_ids: [['anything']],
  end_user_id: [idOf('customer', 'blue')],
  auto_create_key: [true],
  team_member_permissions: [['/key/generate', '/key/update']],
  team_member_budget: [1_000_000],
  members: [[{ role: 'admin', user_id: idOf('member', 'red') }]],
  members_with_roles: [[{ role: 'admin', user_id: idOf('member', 'red') }]],
  admins: [[idOf('member', 'red')]],
};

/** The bodies' fields by route, from the document of the started product. */
function fieldsOf(document: Json): typeof fields {
  return Object.fromEntries(
    WRITES.map((route) => {
      const [method = '', path = ''] = route.split(' ');
      const schema = document['paths'][path]?.[method.toLowerCase()]?.requestBody?.content['application/json']
        .schema as Json | undefined;
      const name =
        String(schema?.['$ref'] ?? '')
          .split('/')
          .at(-1) ?? '';
      const whole = (schema?.['$ref'] ? document['components'].schemas[name] : schema) as Json | undefined;
      return [route, Object.keys((whole?.['properties'] ?? {}) as Json)];
    }),
  );
}

const personOf = (caller: CallerName): string => idOf(caller === 'solo' ? 'member' : caller, 'red');
const teamOf = (caller: CallerName): string => idOf(caller === 'neighbour' ? 'other-team' : 'team', 'red');
const ownKey = (caller: CallerName): string => hashOf(rawKeyOf(caller, 'red'));

/** What the route must be told to be about the caller's own things. */
function ownNames(route: RouteId, caller: CallerName): Json {
  const has = (name: string): boolean => fields[route]?.includes(name) ?? false;
  const noun = route.split('/')[1] ?? '';
  return {
    ...(noun === 'key' && has('key') ? { key: ownKey(caller) } : {}),
    ...(noun === 'key' && has('keys') ? { keys: [ownKey(caller)] } : {}),
    ...(noun === 'user' && has('user_id') ? { user_id: personOf(caller) } : {}),
    ...(noun === 'user' && has('user_ids') ? { user_ids: [personOf(caller)] } : {}),
    ...(noun === 'team' && has('team_id') ? { team_id: teamOf(caller) } : {}),
    ...(noun === 'team' && has('member') ? { member: { role: 'admin', user_id: personOf(caller) } } : {}),
    ...(noun === 'team' && has('user_id') ? { user_id: personOf(caller) } : {}),
    ...(noun === 'organization' && has('organization_id')
      ? { organization_id: idOf('organization', 'red') }
      : {}),
    ...(noun === 'organization' && has('member')
      ? { member: { role: 'org_admin', user_id: personOf(caller) } }
      : {}),
  };
}

const ask = (caller: CallerName, route: RouteId, body: Json): Promise<Answer> => {
  const [method = '', template = ''] = route.split(' ');
  const path = template
    .replaceAll('{key}', ownKey(caller))
    .replaceAll('{team_id}', teamOf(caller))
    .replaceAll(/\{\w+\}/g, personOf(caller));
  return gate.ask(method, path, body, rawKeyOf(caller, 'red'));
};

/**
 * What everybody has, as the tables say it: roles, places, money, limits, routes and models. An administrator of a team distributes what the
 * team has among its keys and members, his own included; what the team has, and what he is, stays as it was.
 */
async function powers(caller: CallerName): Promise<string[]> {
  const bounds =
    caller === 'lead'
      ? ''
      : ', max_budget_nano, budget_duration, rpm_limit, tpm_limit, max_parallel_requests';
  const questions = [
    `SELECT 'user' AS of, id, role, organization_id, models, blocked, budget_id, max_budget_nano, budget_duration, rpm_limit, tpm_limit FROM users`,
    `SELECT 'key' AS of, id, user_id, team_id, organization_id, project_id, customer_id, budget_id, allowed_routes, models, blocked,
            metadata - 'mark' - 'litellm' AS metadata ${bounds} ${caller === 'lead' ? '' : ', temp_budget_nano'} FROM virtual_keys WHERE alias LIKE '%-key'`,
    `SELECT 'member' AS of, team_id, user_id, role, allowed_models ${bounds} FROM team_members`,
    `SELECT 'organization' AS of, organization_id, user_id, role, max_budget_nano FROM organization_members`,
    `SELECT 'team' AS of, id, organization_id, models, blocked, max_budget_nano, budget_duration, rpm_limit, tpm_limit, max_parallel_requests
            ${caller === 'lead' ? '' : ', member_permissions, member_max_budget_nano'} FROM teams`,
    ...(caller === 'lead'
      ? []
      : [`SELECT 'spent' AS of, scope_type, scope_id, settled_nano FROM balances WHERE budget = 'total'`]),
  ];
  const rows: string[] = [];
  for (const question of questions) {
    const found: object[] = await gate.database.dataSource.query(
      `SELECT to_jsonb(t) AS row FROM (${question}) t`,
    );
    rows.push(...found.map((row) => JSON.stringify(row)));
  }
  return rows.toSorted();
}

/** Keys that were made by the way, and with what. */
async function newKeys(): Promise<Json[]> {
  return gate.database.dataSource.query(
    `SELECT id, token_hash, user_id, team_id, organization_id, max_budget_nano, allowed_routes, created_by, metadata FROM virtual_keys WHERE alias IS NULL OR alias NOT LIKE '%-key'`,
  );
}

/** Attack: whoever has a key asks, in every field of every route that changes something, for more than it has. */
describe('asking for more', () => {
  it.each(CLIMBERS)('gains nothing: %s', async (caller) => {
    const before = await powers(caller);
    const broken: string[] = [];
    for (const route of WRITES) {
      // Losing one's own things is no gain, and would end the attack.
      if (/delete|regenerate|rotate/.test(route)) continue;
      for (const field of fields[route] ?? []) {
        for (const wish of WISHES[field] ?? []) {
          const answer = await ask(caller, route, { ...ownNames(route, caller), [field]: wish });
          if (answer.status >= 500)
            broken.push(`${route} ${field}: ${answer.status} ${answer.text.slice(0, 200)}`);
        }
      }
    }
    expect(broken).toEqual([]);
    const person = caller === 'robot' || caller === 'customer' ? null : personOf(caller);
    expect((await powers(caller)).filter((row) => !before.includes(row))).toEqual([]);
    for (const key of await newKeys()) {
      const { user_id: of, team_id: team, allowed_routes: routes, organization_id: organization } = key;
      if (key['created_by'] !== person) continue;
      if (of !== null) expect(of, JSON.stringify(key)).toBe(person);
      if (team !== null) expect(team, JSON.stringify(key)).toBe(teamOf(caller));
      if (organization !== null) expect(organization, JSON.stringify(key)).toBe(idOf('organization', 'red'));
      for (const opened of routes as string[])
        expect(['llm_api_routes', 'info_routes'], JSON.stringify(key)).toContain(opened);
      expect(
        Object.keys(key['metadata'] as Json).filter((name) =>
          /role|temp_budget|allow_litellm|priority|service/.test(name),
        ),
      ).toEqual([]);
    }
  });

  it('gains nothing in bulk, under an alias, or in a member of metadata', async () => {
    const before = await powers('member');
    const key = ownKey('member');
    const attempts: [RouteId | string, Json][] = [
      [
        'POST /key/bulk_update',
        {
          keys: [
            { key, max_budget: 1_000_000 },
            { key: ownKey('lead'), user_id: idOf('member', 'red') },
          ],
        },
      ],
      ['POST /user/bulk_update', { users: [{ user_id: idOf('member', 'red'), user_role: 'proxy_admin' }] }],
      ['POST /user/bulk_update', { all_users: true, user_updates: { user_role: 'proxy_admin' } }],
      [
        'POST /team/bulk_member_add',
        { team_id: idOf('team', 'red'), members: [{ role: 'admin', user_id: idOf('member', 'red') }] },
      ],
      ['POST /key/update', { key_alias: 'red-lead-key', user_id: idOf('member', 'red') }],
      ['POST /key/update', { key_alias: 'proxy-admin-key', metadata: {} }],
      ['POST /key/update', { key, rpm: 1_000_000_000, tpm: 1_000_000_000 }],
      [
        'POST /key/update',
        { key, metadata: { litellm: { user_role: 'proxy_admin' }, model_rpm_limit: { m: 9 } } },
      ],
      ['POST /key/update', { key, __proto__: { role: 'proxy_admin' }, constructor: { role: 'proxy_admin' } }],
      [
        'POST /user/update',
        { user_id: idOf('member', 'red'), user_email: 'member@red.example', user_role: 'proxy_admin' },
      ],
      ['POST /user/update', { user_email: 'lead@red.example', max_budget: 1 }],
      [
        'POST /team/member_update',
        { team_id: idOf('team', 'red'), user_id: idOf('member', 'red'), role: 'admin' },
      ],
      [
        'POST /team/permissions_update',
        { team_id: idOf('team', 'red'), team_member_permissions: ['/key/generate'] },
      ],
      [
        'POST /organization/member_update',
        { organization_id: idOf('organization', 'red'), user_id: idOf('member', 'red'), role: 'org_admin' },
      ],
    ];
    for (const caller of ['member', 'solo', 'reader', 'robot', 'customer'] as const) {
      for (const [route, body] of attempts) {
        const [method = '', path = ''] = route.split(' ');
        const answer = await gate.ask(method, path, body, rawKeyOf(caller, 'red'));
        expect(answer.status, `${caller} ${route} ${JSON.stringify(body)}: ${answer.text}`).toBeLessThan(500);
      }
    }
    expect((await powers('member')).filter((row) => !before.includes(row))).toEqual([]);
  });

  /** Attack: many requests at once, so that one is judged by what another is about to change. */
  it('gains nothing by being fast', async () => {
    const before = await powers('member');
    const key = ownKey('member');
    const burst = Array.from({ length: 60 }, (_, n): Promise<Answer> => {
      const body = [
        { key, max_budget: 1_000_000 },
        { key, allowed_routes: [] },
        { key, team_id: idOf('other-team', 'red') },
        { key, user_id: idOf('lead', 'red') },
      ][n % 4];
      return gate.ask('POST', '/key/update', body, rawKeyOf(n % 2 === 0 ? 'member' : 'solo', 'red'));
    });
    const made = Array.from({ length: 20 }, () =>
      gate.ask(
        'POST',
        '/key/generate',
        { max_budget: 1_000_000, user_id: idOf('member', 'red') },
        rawKeyOf('member', 'red'),
      ),
    );
    const answers = await Promise.all([...burst, ...made]);
    expect(answers.filter(({ status }) => status >= 500).map(({ text }) => text)).toEqual([]);
    expect((await powers('member')).filter((row) => !before.includes(row))).toEqual([]);
    // The member's key has five dollars: none made with it has more.
    for (const { max_budget_nano: cap, created_by: maker } of await newKeys())
      if (maker === idOf('member', 'red') && cap !== null)
        expect(BigInt(cap as string)).toBeLessThanOrEqual(5_000_000_000n);
  });
});
