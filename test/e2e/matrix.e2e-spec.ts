import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY, policyOf, type RouteId } from '#libs/rbac';
import { DeclaredAnswers } from '../harness/declared-answers.js';
import { GovernedProduct, type Json, modelEntry } from '../harness/governed-product.js';
import {
  CALLERS,
  type CallerName,
  hashOf,
  idOf,
  isOfProxy,
  rawKeyOf,
  seedTenants,
} from '../harness/seeded-tenants.js';
import { FOR_OPERATORS, matesOf, RELATIONS, VERDICTS } from '../harness/verdicts.js';

/** Names of things that a request can carry, and what they name in a tenant; `nowhere` is a tenant that is not there. */
const FIELDS: Readonly<Record<string, (tenant: string) => unknown>> = {
  key: (tenant) => keyIn(tenant),
  api_key: (tenant) => keyIn(tenant),
  key_hash: (tenant) => keyIn(tenant),
  keys: (tenant) => [keyIn(tenant)],
  key_aliases: (tenant) => [`${tenant}-member-key`],
  user_id: (tenant) => idOf('member', tenant),
  user_ids: (tenant) => [idOf('member', tenant)],
  users: (tenant) => [{ user_id: idOf('member', tenant), user_alias: 'x' }],
  team_id: (tenant) => idOf('team', tenant),
  team_ids: (tenant) => [idOf('team', tenant)],
  teams: (tenant) => [idOf('team', tenant)],
  organization_id: (tenant) => idOf('organization', tenant),
  organization_ids: (tenant) => [idOf('organization', tenant)],
  organizations: (tenant) => [idOf('organization', tenant)],
  project_id: (tenant) => idOf('project', tenant),
  project_ids: (tenant) => [idOf('project', tenant)],
  end_user_id: (tenant) => idOf('customer', tenant),
  customer_id: (tenant) => idOf('customer', tenant),
  request_id: (tenant) => idOf('request', tenant),
  session_id: (tenant) => idOf('session', tenant),
  tags: (tenant) => [idOf('tag', tenant)],
  tag: (tenant) => idOf('tag', tenant),
  member: (tenant) => ({ role: 'user', user_id: idOf('mate', tenant) }),
  members: (tenant) => [{ role: 'user', user_id: idOf('mate', tenant) }],
};
const DATES = { start_date: '2020-01-01', end_date: '2030-01-01' };
const TENANT_CALLERS = CALLERS.filter((caller) => !isOfProxy(caller));

/** 64 digits like a hash, whatever the tenant. */
function keyIn(tenant: string): string {
  return hashOf(rawKeyOf('member', tenant as 'red'));
}

/** A path's variable segments, by the noun the path is about. */
function fillPath(path: string, tenant: string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (FIELDS[name]) return String(FIELDS[name](tenant));
    const noun = /^\/(?:v\d\/)?(\w+)/.exec(path)?.[1] ?? '';
    if (noun === 'key') return keyIn(tenant);
    if (noun === 'models' || noun === 'model') return idOf('model', tenant);
    return idOf(noun, tenant);
  });
}

interface Case {
  readonly route: RouteId;
  readonly caller: CallerName;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
}
interface Verdict {
  readonly status: number;
  readonly text: string;
}

let gate: GovernedProduct;
let document: Json;
let declared: DeclaredAnswers;
/** Of every answer in this file. */
const lies = new Set<string>();
let schemas: Readonly<Record<string, { readonly query: readonly string[]; readonly body: Json | undefined }>>;
const agent = new Agent({ connections: 16, pipelining: 1 });

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: [modelEntry('m', provider)],
    general_settings: { alerting: [] },
  }));
  await seedTenants(gate.database.dataSource);
  document = await gate.admin('/openapi.json');
  declared = new DeclaredAnswers(document);
  schemas = shapesOf(document);
});
afterAll(async () => {
  await agent.close();
  await gate?.dispose();
});

/** What each route takes, from the document of the started product. */
function shapesOf(whole: Json): typeof schemas {
  const resolve = (schema: Json | undefined): Json =>
    schema?.['$ref']
      ? (whole['components'].schemas[String(schema['$ref']).split('/').at(-1) ?? ''] as Json)
      : (schema ?? {});
  return Object.fromEntries(
    (Object.keys(POLICY) as RouteId[]).map((route) => {
      const [method = '', path = ''] = route.split(' ');
      const operation = (whole['paths'][path]?.[method.toLowerCase()] ?? {}) as Json;
      const parameters = (operation['parameters'] ?? []) as { name: string; in: string }[];
      const body = operation['requestBody']?.content['application/json'].schema as Json | undefined;
      return [
        route,
        {
          query: parameters.filter((each) => each.in === 'query').map(({ name }) => name),
          body: body && resolve(body),
        },
      ];
    }),
  );
}

async function fire({ route, caller, path, query, body }: Case): Promise<Verdict> {
  const search = query && Object.keys(query).length > 0 ? `?${new URLSearchParams(query).toString()}` : '';
  const answer = await request(`${gate.product.url}${path}${search}`, {
    dispatcher: agent,
    method: route.split(' ')[0] as 'GET',
    headers: {
      authorization: `Bearer ${rawKeyOf(caller, 'red')}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { statusCode: status } = answer;
  const text = await answer.body.text();
  const contentType = answer.headers['content-type'];
  const lie = declared.lieAbout({ route, status, contentType: [contentType].flat()[0], text });
  if (lie !== undefined) lies.add(`${lie} to ${caller}`);
  return { status, text };
}

/** Many at once, in order. */
async function fireAll<T extends Case>(cases: readonly T[]): Promise<(T & Verdict)[]> {
  const done: (T & Verdict)[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < cases.length; index = next++) {
      const one = cases[index];
      if (one !== undefined) done[index] = { ...one, ...(await fire(one)) };
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return done;
}

/** Behind every role but the public: completions are another test's. */
const ROUTES = (Object.keys(POLICY) as RouteId[]).filter((route) => {
  const { access, reachesProvider } = policyOf(route);
  return access !== 'public' && access !== 'metrics' && !reachesProvider;
});
const isRead = (route: RouteId): boolean => route.startsWith('GET ');

/** The same request of the same caller at another tenant, each name of a tenant in a field the route has. */
function casesAt(tenant: string, routes: readonly RouteId[], callers: readonly CallerName[]): Case[] {
  return routes.flatMap((route) => {
    const path = fillPath(route.slice(route.indexOf(' ') + 1), tenant);
    const { query = [], body } = schemas[route] ?? {};
    const fields = Object.keys(FIELDS);
    const dates = Object.fromEntries(Object.entries(DATES).filter(([name]) => query.includes(name)));
    const requests: Pick<Case, 'query' | 'body'>[] = [];
    if (body !== undefined) {
      const properties = Object.keys((body['properties'] ?? {}) as Json);
      // A tag is a word that anybody may write on his own.
      const known = fields.filter((field) => properties.includes(field) && !/^tags?$/.test(field));
      const valueOf = (name: string): unknown =>
        FIELDS[name] ? FIELDS[name](tenant) : fillerOf((body['properties'] as Json)[name] as Json);
      // A call that names nothing is about the caller itself.
      const noun = /^\/(key|user|team|organization)\//.exec(path)?.[1];
      const anchors = (noun === 'key' ? ['key', 'keys'] : [`${noun}_id`]).filter(
        (name) => properties.includes(name) && !/\/(generate|new)$/.test(route),
      );
      const required = Object.fromEntries(
        [...((body['required'] ?? []) as string[]), ...anchors].map((name) => [name, valueOf(name)]),
      );
      for (const field of known) requests.push({ body: { ...required, [field]: valueOf(field) } });
      requests.push({
        body: { ...required, ...Object.fromEntries(known.map((field) => [field, valueOf(field)])) },
      });
    } else {
      for (const field of fields.filter((name) => query.includes(name)))
        requests.push({ query: { ...dates, [field]: String([FIELDS[field]?.(tenant)].flat()[0]) } });
      if (requests.length === 0 || path.includes(tenant)) requests.push({ query: dates });
    }
    return callers.flatMap((caller) => requests.map((each) => ({ route, caller, path, ...each })));
  });
}

function fillerOf(schema: Json | undefined): unknown {
  if (Array.isArray(schema?.['enum'])) return schema['enum'][0];
  const type = [schema?.['type']].flat()[0];
  if (type === 'array') return [];
  if (type === 'object') return {};
  if (type === 'integer' || type === 'number') return 1;
  return type === 'boolean' ? false : 'x';
}

/** Ids the caller sent come back in refusals; nothing else may differ. */
function withoutNames(text: string, tenant: string): string {
  const names = Object.values(FIELDS).flatMap((valueOf) => namesIn(valueOf(tenant)));
  const known = [...new Set([...names, idOf('model', tenant)])].sort(
    (one, other) => other.length - one.length,
  );
  return known
    .reduce((rest, name) => rest.replaceAll(name, '<name>'), text)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
    .replaceAll(/"decision_id":"dec_\w+"/g, '<decision>');
}

function namesIn(value: unknown): string[] {
  if (typeof value === 'string') return value === 'user' || value === 'x' ? [] : [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(namesIn) : [];
}

const shown = ({ caller, route, path, query, body, status, text }: Case & Verdict): string =>
  `${caller}: ${route.split(' ')[0]} ${path} ${JSON.stringify(body ?? query ?? {})} -> ${status} ${text.slice(0, 300)}`;

/** What the rows of a tenant say; times of use aside. */
async function rowsOf(tenant: string): Promise<string[]> {
  const tables = [
    'virtual_keys',
    'users',
    'teams',
    'team_members',
    'organizations',
    'organization_members',
    'projects',
    'customers',
    'balances',
  ];
  const parts: string[] = [];
  for (const table of tables) {
    const rows: { row: string }[] = await gate.database.dataSource.query(
      `SELECT (to_jsonb(t) - 'last_active_at' - 'budget_reset_at')::text AS row FROM ${table} t WHERE t::text LIKE $1 ORDER BY 1`,
      [`%${tenant}%`],
    );
    parts.push(...rows.map(({ row }) => `${table}: ${row}`));
  }
  return parts;
}

describe('another tenant', () => {
  it('cannot be told from one that is not there, on any route, by anybody; and nothing of it is shown or changed', async () => {
    const before = await rowsOf('blue');
    // First what only reads: some of the others make things of the caller's own, which its lists then show.
    const atBlue: (Case & Verdict)[] = [];
    const nowhere: (Case & Verdict)[] = [];
    for (const routes of [ROUTES.filter(isRead), ROUTES.filter((route) => !isRead(route))]) {
      atBlue.push(...(await fireAll(casesAt('blue', routes, TENANT_CALLERS))));
      nowhere.push(...(await fireAll(casesAt('nowhere', routes, TENANT_CALLERS))));
    }
    expect(atBlue.length).toBeGreaterThan(500);
    const told: string[] = [];
    for (const [index, one] of atBlue.entries()) {
      const other = nowhere[index];
      if (other === undefined) throw new Error('the two runs are not of one length');
      const same =
        one.status === other.status && withoutNames(one.text, 'blue') === withoutNames(other.text, 'nowhere');
      if (!same) told.push(`${shown(one)}\n    not there: ${other.status} ${other.text.slice(0, 300)}`);
      if (/blue/.test(withoutNames(one.text, 'blue'))) told.push(`shows: ${shown(one)}`);
      if (one.status >= 500) told.push(`breaks: ${shown(one)}`);
    }
    // The first say what is wrong; thousands would hide it.
    expect(told.slice(0, 40), `${told.length} in all`).toEqual([]);
    expect((await rowsOf('blue')).filter((row) => !before.includes(row))).toEqual([]);
  }, 180_000);

  it('is in no list and no sum of those who ask for everything', async () => {
    const cases = ROUTES.filter(isRead).flatMap((route) => {
      const { query = [] } = schemas[route] ?? {};
      const path = fillPath(route.slice(route.indexOf(' ') + 1), 'red');
      const all = Object.fromEntries(
        Object.entries({
          ...DATES,
          return_full_object: 'true',
          include_team_keys: 'true',
          include_created_by_keys: 'true',
          size: '100',
          page_size: '100',
        }).filter(([name]) => query.includes(name)),
      );
      return TENANT_CALLERS.flatMap((caller): Case[] => [
        { route, caller, path },
        { route, caller, path, query: all },
      ]);
    });
    const leaks = (await fireAll(cases)).filter(({ text }) => /blue|7\.777/.test(text));
    expect(leaks.map(shown)).toEqual([]);
  });
});

describe('what belongs to the operator', () => {
  it.each(FOR_OPERATORS)(
    'opens to administrators and readers of everything, and to nobody else: %s',
    async (route) => {
      const path = route.slice(route.indexOf(' ') + 1);
      const answers = await fireAll(CALLERS.map((caller): Case => ({ route, caller, path })));
      const wrong = answers.filter(({ caller, status }) => isOfProxy(caller) !== status < 300);
      expect(wrong.map(shown)).toEqual([]);
    },
  );
});

describe('one’s own tenant', () => {
  it.each(Object.keys(VERDICTS))('opens by role and relation: %s', async (name) => {
    const route = name as RouteId;
    const row = VERDICTS[name];
    if (row === undefined) throw new Error('no such row');
    const asked = Object.entries(row.of).flatMap(([who, letters]) =>
      RELATIONS.flatMap((relation, index) => {
        const caller = who as CallerName;
        const path = name.slice(name.indexOf(' ') + 1);
        const one = {
          route,
          caller,
          path,
          ...row.ask(matesOf(caller)[relation], caller),
          expected: letters[index],
          relation,
        };
        return letters[index] === '.' ? [] : [one];
      }),
    );
    const answers = await fireAll(asked);
    const wrong = answers.filter(({ status, expected }) => (expected === 'y') !== status < 300);
    expect(wrong.map((one) => `${one.relation} should be ${one.expected}: ${shown(one)}`)).toEqual([]);
    const refused = answers.filter(({ expected }) => expected === 'n');
    expect(refused.filter(({ status }) => status >= 500).map(shown)).toEqual([]);
  });
});

describe('the document', () => {
  /** A document that is not true is worse than none: clients are made from it. */
  it('tells what is answered, to everybody and on every route of this file', async () => {
    const cases = ROUTES.filter(isRead).flatMap((route): Case[] => {
      const path = fillPath(route.slice(route.indexOf(' ') + 1), 'red');
      const { query = [] } = schemas[route] ?? {};
      const named = Object.entries(FIELDS).filter(([name]) => query.includes(name));
      const all = {
        ...DATES,
        ...Object.fromEntries(named.map(([name, valueOf]) => [name, String([valueOf('red')].flat()[0])])),
      };
      const known = Object.fromEntries(Object.entries(all).filter(([name]) => query.includes(name)));
      const callers: CallerName[] = ['admin', 'chief', 'member', 'customer'];
      return callers.flatMap((caller) => [
        { route, caller, path },
        { route, caller, path, query: known },
      ]);
    });
    const answers = (await fireAll(cases)).filter(({ status }) => status === 200);
    expect(answers.length).toBeGreaterThan(100);
    // The first say what is wrong; hundreds would hide it.
    expect([...lies].slice(0, 20), `${lies.size} in all`).toEqual([]);
  });
});
