import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY, policyOf, type RouteId } from '#libs/rbac';
import { DeclaredAnswers } from '../harness/declared-answers.js';
import { GovernedProduct, type Json, modelEntry } from '../harness/governed-product.js';
import { idOf, rawKeyOf, seedTenants } from '../harness/seeded-tenants.js';

/** What nobody means to send, as it stands in a URL. The last four make another shape of the parameter. */
const IN_URL = [
  '%00', 'a%00b', '%ED%A0%80', '%FF', '%0D%0Ax:%20y', '%E2%80%A8', "'%20OR%201=1--", '%25', '%5C', '*', '..', '.', '__proto__', 'constructor',
  '-1', '0', '1e400', '9007199254740993', 'NaN', '-0', '0x10', 'null', 'true', '0000-00-00', '2026-02-30', '+275760-09-14', '-000001-01-01',
  '9999-12-31', 'infinity', 'epoch', 'a'.repeat(256), 'a'.repeat(3_000), '%F0%9F%92%A9'.repeat(100), '[]', '%7B%7D', '',
]; // prettier-ignore
const SHAPES = [
  (name: string) => `${name}=1&${name}=2`,
  (name: string) => `${name}[]=1`,
  (name: string) => `${name}[a]=1`,
  (name: string) => `${name}=1&${name}=%00`,
];
/** The same in a JSON body, as text: some of it no serialiser writes. */
const IN_BODY = [
  '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\r\\n"', '"__proto__"', '"\'; --"', '""', `"${'a'.repeat(256)}"`, `"${'ü'.repeat(5_000)}"`,
  '"9999-12-31T23:59:59Z"', '"+275760-09-14"', '"0000-00-00"', '"-1"', '"1e400"', '"NaN"', '"999999999999d"', '"-5d"', '"0s"',
  '-1', '-0', '0', '1e400', '-1e400', '9007199254740993', '1e-400', '2147483648', '0.1', 'true', 'null', '[]', '{}', '[null]', '[[]]', '[{}]',
  '["\\u0000"]', '["\\ud800"]', '[1e400]', '["a","a"]', '{"__proto__":{"role":"proxy_admin"}}', '{"constructor":{}}', '{"\\u0000":1}',
  '{"a":"\\u0000"}', '{"a":1e400}', '{"a":{"b":"\\ud800"}}', `${'['.repeat(300)}${']'.repeat(300)}`, '{"":""}', '[{"user_id":"\\u0000"}]',
  '{"user_id":"\\u0000","role":"user"}', '[{"role":"user","user_email":"\\ud800"}]',
]; // prettier-ignore
/** Each value is put into every so many-th field, another one in each run of the list; all of them with `TOLLGATE_HOSTILE_VALUES=1`. */
const EVERY = Number(process.env['TOLLGATE_HOSTILE_VALUES'] ?? 24);

interface Case {
  readonly route: RouteId;
  readonly path: string;
  readonly body?: string;
}

let gate: GovernedProduct;
let document: Json;
let declared: DeclaredAnswers;
const agent = new Agent({ connections: 8, pipelining: 1 });

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({ model_list: [modelEntry('m', provider)] }), {
    env: { LITELLM_SALT_KEY: 'the salt of hostile values' },
  });
  await seedTenants(gate.database.dataSource);
  document = await gate.admin('/openapi.json');
  declared = new DeclaredAnswers(document);
});
afterAll(async () => {
  await agent.close();
  await gate?.dispose();
});

/** An erasure reads every table: what names may do there is the privacy test's. */
const ROUTES = (Object.keys(POLICY) as RouteId[]).filter(
  (route) => !policyOf(route).reachesProvider && route !== 'POST /privacy/erase',
);

/** A path whose segments name what is there, but for one. */
function pathOf(template: string, hostile?: { name: string; value: string }): string {
  const noun = /^\/(?:v\d\/)?(\w+)/.exec(template)?.[1] ?? '';
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name === hostile?.name ? hostile.value : encodeURIComponent(idOf(noun, 'red')),
  );
}

function fillerOf(name: string, schema: Json | undefined): unknown {
  if (Array.isArray(schema?.['enum'])) return schema['enum'][0];
  const type = [schema?.['type']].flat()[0];
  if (type === 'array') return [];
  if (type === 'object') return {};
  if (type === 'integer' || type === 'number') return 1;
  if (type === 'boolean') return false;
  return /_id$/.test(name) ? idOf(name.replace(/_id$/, ''), 'red') : '2026-01-01';
}

/** One request for each place of a route that a client fills in, and each value that is due there. */
function casesOf(route: RouteId, dueAt: (place: number) => boolean): Case[] {
  const [method = '', template = ''] = route.split(' ');
  const operation = (document['paths'][template]?.[method.toLowerCase()] ?? {}) as Json;
  const parameters = (operation['parameters'] ?? []) as {
    name: string;
    in: string;
    required?: boolean;
    schema?: Json;
  }[];
  const schema = operation['requestBody']?.content['application/json']?.schema as Json | undefined;
  const whole = (
    schema?.['$ref'] ? document['components'].schemas[String(schema['$ref']).split('/').at(-1) ?? ''] : schema
  ) as Json | undefined;
  const fields = Object.entries((whole?.['properties'] ?? {}) as Record<string, Json>);
  const required = new Set((whole?.['required'] ?? []) as string[]);
  const bodyWith = (hostile?: string, text?: string): string =>
    `{${fields
      .filter(([name]) => name === hostile || required.has(name))
      .map(
        ([name, one]) =>
          `${JSON.stringify(name)}:${name === hostile ? text : JSON.stringify(fillerOf(name, one))}`,
      )
      .join(',')}}`;
  const body = whole === undefined ? {} : { body: bodyWith() };
  const needed = parameters.filter((each) => each.in === 'query' && each.required);
  const queryBut = (name: string): string[] =>
    needed
      .filter((each) => each.name !== name)
      .map((each) => `${each.name}=${encodeURIComponent(String(fillerOf(each.name, each.schema)))}`);
  const cases: Case[] = [];
  let place = 0;
  const add = (one: Omit<Case, 'route'>): void => {
    if (dueAt((place += 1))) cases.push({ route, ...one });
  };
  for (const { name } of parameters.filter((each) => each.in === 'path'))
    for (const value of IN_URL) add({ path: pathOf(template, { name, value }), ...body });
  for (const { name } of parameters.filter((each) => each.in === 'query')) {
    const search = (text: string): string => `${pathOf(template)}?${[...queryBut(name), text].join('&')}`;
    for (const value of IN_URL) add({ path: search(`${name}=${value}`), ...body });
    for (const shape of SHAPES) add({ path: search(shape(name)), ...body });
  }
  const query = queryBut('').join('&');
  const path = query === '' ? pathOf(template) : `${pathOf(template)}?${query}`;
  for (const [name] of fields) for (const text of IN_BODY) add({ path, body: bodyWith(name, text) });
  return cases;
}

async function problemWith({ route, path, body }: Case, key: string): Promise<string | undefined> {
  const answer = await request(gate.product.url + path, {
    dispatcher: agent,
    method: route.split(' ')[0] as 'GET',
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.body.text();
  const { statusCode: status } = answer;
  const contentType = [answer.headers['content-type']].flat()[0];
  const shown = `${route} ${path.slice(0, 300)} ${body?.slice(0, 300) ?? ''} -> ${status} ${text.slice(0, 200)}`;
  if (status >= 500 && !/"(?:type|code)":"(?:501|not_implemented)/.test(text)) return shown;
  // A segment that is empty, or dots, is another path.
  if (status === 404 && /"Not Found"/.test(text)) return undefined;
  const lie = declared.lieAbout({ route, status, contentType, text });
  return lie === undefined ? undefined : `${lie}: ${shown}`;
}

async function problemsOf(cases: readonly Case[], key: string): Promise<string[]> {
  const problems: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let one = cases[next++]; one !== undefined; one = cases[next++]) {
      const problem = await problemWith(one, key);
      if (problem !== undefined) problems.push(problem);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return problems;
}

/** Attack: twenty ask for one name at once, so that each is judged before another is written. */
describe('a name that twenty ask for at once', () => {
  const wishes: readonly [route: string, body: Json][] = [
    ['/key/generate', { key_alias: 'once' }],
    ['/key/generate', { key: 'sk-once-and-only-once-0123' }],
    ['/user/new', { user_id: 'once', auto_create_key: false }],
    ['/user/new', { user_email: 'once@example.org', auto_create_key: false }],
    ['/team/new', { team_id: 'once' }],
    ['/organization/new', { organization_id: 'once', organization_alias: 'once' }],
    ['/project/new', { project_id: 'once', team_id: 'red-team' }],
    ['/customer/new', { user_id: 'once' }],
    ['/budget/new', { budget_id: 'once' }],
    ['/tag/new', { name: 'once' }],
    ['/role/new', { role: 'once' }],
    ['/credentials', { credential_name: 'once', credential_info: {}, credential_values: { api_key: 'x' } }],
    ['/v1/access_group', { access_group_name: 'once' }],
    ['/access_group/new', { access_group: 'once', model_names: ['m'] }],
    ['/model/new', { model_name: 'once', litellm_params: { model: 'openai/x' }, model_info: { id: 'once' } }],
    ['/config/pass_through_endpoint', { path: '/once', target: 'https://example.org' }],
    ['/team/member_add', { team_id: 'red-team', member: { role: 'user', user_id: 'red-chief' } }],
    [
      '/scim/v2/Users',
      { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName: 'twice@example.org' },
    ],
    [
      '/scim/v2/Groups',
      { schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName: 'once more' },
    ],
    [
      '/scim/v2/Groups',
      {
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
        displayName: 'by id',
        externalId: 'once-by-id',
      },
    ],
  ];

  it.each(wishes)('is had by one: POST %s', async (route, body) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => gate.ask('POST', route, body)));
    expect(answers.filter(({ status }) => status >= 500).map(({ text }) => text)).toEqual([]);
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
  });
});

/** Attack: whatever a client sends in any place of any route, nothing breaks, and the answer is one of those the document declares. */
describe('values that nobody means to send', () => {
  it.each([
    ['an administrator of the proxy', () => gate.product.masterKey],
    ['a member', () => rawKeyOf('member', 'red')],
  ])(
    'break nothing, in no field of no route: %s',
    async (_who, key) => {
      const cases = ROUTES.flatMap((route, offset) =>
        casesOf(route, (place) => (place * 5 + offset) % EVERY === 0),
      );
      expect(cases.length).toBeGreaterThan(500);
      const problems = await problemsOf(cases, key());
      expect(problems.slice(0, 30), `${problems.length} of ${cases.length}`).toEqual([]);
      expect(await gate.isReady()).toBe(true);
      expect(gate.product.logs).not.toMatch(/QueryFailed|unhandled/i);
    },
    EVERY < 6 ? 600_000 : 60_000,
  );
});
