import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, answerOf, modelEntry } from '../harness/governed-product.js';
import { Replicas } from '../harness/replicas.js';

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

let replicas: Replicas;
/** A key that opens the SCIM routes and nothing else, of nobody. */
let token: string;

beforeAll(async () => {
  replicas = await Replicas.start(2, (provider) => ({
    model_list: [modelEntry('m', provider)],
    litellm_settings: { default_team_params: { models: ['m'] } },
  }));
  token = await replicas.makeKey({ allowed_routes: ['/scim/*'], key_alias: 'idp' });
});
afterAll(() => replicas?.dispose());

async function scim(
  method: string,
  path: string,
  body?: unknown,
  bearer: string | null = token,
): Promise<Answer> {
  const response = await fetch(`${replicas.product(0).url}/scim/v2${path}`, {
    method,
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      accept: 'application/scim+json',
      ...(body === undefined ? {} : { 'content-type': 'application/scim+json; charset=utf-8' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answerOf(response.status, response.headers, await response.text());
}
const patch = (path: string, ...operations: readonly object[]): Promise<Answer> =>
  scim('PATCH', path, { schemas: [PATCH], Operations: operations });
const idOf = (answer: Answer): string => {
  expect(answer.status, answer.text).toBe(201);
  return String(answer.body['id']);
};
const keyOf = (userId: string, more: object = {}): Promise<string> =>
  replicas.makeKey({ user_id: userId, ...more });
const statuses = async (...keys: readonly string[]): Promise<number[]> =>
  Promise.all(keys.flatMap((key) => [0, 1].map(async (number) => (await replicas.chat(number, key)).status)));

/** As Okta sends it. */
const oktaUser = (name: string) => ({
  schemas: [USER],
  userName: `${name}@okta.test`,
  name: { givenName: name, familyName: 'Okta' },
  emails: [{ primary: true, value: `${name}@okta.test`, type: 'work' }],
  displayName: `${name} Okta`,
  locale: 'en-US',
  externalId: `00u-${name}`,
  groups: [],
  password: '1mz050nq',
  active: true,
});
/** As Entra ID's provisioning service sends it. */
const entraUser = (name: string) => ({
  schemas: [USER, ENTERPRISE],
  externalId: `mail-${name}`,
  userName: `${name}@entra.test`,
  active: true,
  displayName: `${name} Entra`,
  emails: [{ primary: true, type: 'work', value: `${name}@entra.test` }],
  meta: { resourceType: 'User' },
  name: { formatted: `${name} Entra`, familyName: 'Entra', givenName: name },
  roles: [],
  [ENTERPRISE]: { department: 'Data', manager: 'u-7' },
});

describe('who may provision', () => {
  it('is an administrator, and a key that an administrator gave the routes; nobody else, and the key nothing else', async () => {
    const plain = await replicas.makeKey({ user_id: 'plain' });
    const models = await replicas.makeKey({ allowed_routes: ['llm_api_routes'] });
    for (const bearer of [plain, models, 'sk-unknown-key-of-nobody', null]) {
      for (const [method, path] of [
        ['GET', '/Users'],
        ['POST', '/Users'],
        ['GET', '/ServiceProviderConfig'],
        ['DELETE', '/Groups/x'],
      ] as const) {
        const answer = await scim(method, path, method === 'POST' ? oktaUser('thief') : undefined, bearer);
        expect([401, 403]).toContain(answer.status);
        expect(answer.body).toMatchObject({
          schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
          status: String(answer.status),
        });
      }
    }
    expect((await scim('GET', '/Users', undefined, replicas.product(0).masterKey)).status).toBe(200);
    expect((await replicas.product(0).request('GET', '/user/list', undefined, token)).status).toBe(403);
    expect((await replicas.chat(0, token)).status).toBe(403);
  });

  it('finds told what is served', async () => {
    const features = await scim('GET', '/ServiceProviderConfig');
    expect(features.headers.get('content-type')).toMatch(/^application\/scim\+json/);
    expect(features.body).toMatchObject({
      patch: { supported: true },
      bulk: { supported: false },
      etag: { supported: false },
    });
    expect((await scim('POST', '/Bulk', { Operations: [] })).status).toBe(404);
    expect((await scim('GET', '/ResourceTypes')).body['Resources']).toHaveLength(2);
    expect((await scim('GET', `/Schemas/${USER}`)).body['name']).toBe('User');
    expect((await scim('GET', '/Schemas')).text).not.toContain('password');
  });
});

describe('a person, as Okta provisions it', () => {
  it('comes, changes, goes and returns', async () => {
    const before = await scim(
      'GET',
      `/Users?filter=${encodeURIComponent('userName eq "ann@okta.test"')}&startIndex=1&count=100`,
    );
    expect(before.body).toMatchObject({ totalResults: 0, Resources: [] });
    const made = await scim('POST', '/Users', oktaUser('ann'));
    const id = idOf(made);
    expect(made.headers.get('location')).toBe(`/scim/v2/Users/${encodeURIComponent(id)}`);
    expect(made.body).toMatchObject({
      userName: 'ann@okta.test',
      externalId: '00u-ann',
      active: true,
      locale: 'en-US',
    });
    expect(made.text).not.toContain('1mz050nq');
    expect((await scim('POST', '/Users', oktaUser('ann'))).body).toMatchObject({
      status: '409',
      scimType: 'uniqueness',
    });
    const info = await replicas.admin200(`/user/info?user_id=${encodeURIComponent(id)}`);
    expect(info['user_info']).toMatchObject({
      user_email: 'ann@okta.test',
      user_alias: 'ann Okta',
      user_role: 'internal_user',
    });

    const put = await scim('PUT', `/Users/${id}`, {
      ...oktaUser('ann'),
      name: { givenName: 'Ann', familyName: 'New' },
      id,
    });
    expect([put.status, put.body['name'].familyName]).toEqual([200, 'New']);
    const [key, blocked] = [await keyOf(id), await keyOf(id)];
    await replicas.admin200('/key/block', { key: blocked });
    expect(await statuses(key, blocked)).toEqual([200, 200, 401, 401]);

    const gone = await patch(`/Users/${id}`, { op: 'replace', value: { active: false } });
    expect([gone.status, gone.body['active']]).toEqual([200, false]);
    expect(gone.headers.get('x-tollgate-revocation')).toMatch(/replicas=\d+; acknowledged=\d+; fenced=0/);
    expect(await statuses(key, blocked)).toEqual([401, 401, 401, 401]);
    const late = await keyOf(id);
    expect(await statuses(late)).toEqual([401, 401]);

    // Okta writes the whole of a returning person.
    expect((await scim('PUT', `/Users/${id}`, { ...oktaUser('ann'), id, active: true })).body['active']).toBe(
      true,
    );
    expect(await statuses(key, late, blocked)).toEqual([200, 200, 200, 200, 401, 401]);
  });

  it('is let go by a whole resource, too, and a resource that does not say brings nobody back', async () => {
    const id = idOf(await scim('POST', '/Users', oktaUser('eve')));
    const key = await keyOf(id);
    expect((await scim('PUT', `/Users/${id}`, { ...oktaUser('eve'), active: false })).body['active']).toBe(
      false,
    );
    const { active: _, ...silent } = oktaUser('eve');
    expect((await scim('PUT', `/Users/${id}`, silent)).body['active']).toBe(false);
    expect(await statuses(key)).toEqual([401, 401]);
  });
});

describe('a person, as Entra ID provisions it', () => {
  it('comes, changes by its dialect, and is deleted', async () => {
    const id = idOf(await scim('POST', '/Users', entraUser('bob')));
    const key = await keyOf(id);
    const changed = await patch(
      `/Users/${id}`,
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'robert@entra.test' },
      { op: 'Replace', path: 'name.familyName', value: 'Other' },
      { op: 'Add', path: 'phoneNumbers[type eq "mobile"].value', value: '+1' },
      { op: 'Replace', path: `${ENTERPRISE}:department`, value: 'Law' },
    );
    expect(changed.body).toMatchObject({
      emails: [{ value: 'robert@entra.test' }],
      name: { familyName: 'Other' },
      [ENTERPRISE]: { department: 'Law', manager: { value: 'u-7' } },
    });
    const found = await scim(
      'GET',
      `/Users?filter=${encodeURIComponent('emails[type eq "work"].value eq "ROBERT@entra.test"')}`,
    );
    expect(found.body['Resources'].map((row: { id: string }) => row.id)).toEqual([id]);
    expect(await statuses(key)).toEqual([200, 200]);

    const gone = await patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'False' });
    expect(gone.body['active']).toBe(false);
    expect(await statuses(key)).toEqual([401, 401]);
    await patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'True' });
    // What is given reaches the other replica within a second; only what is taken away is waited for.
    await expect.poll(() => statuses(key)).toEqual([200, 200]);

    expect((await scim('DELETE', `/Users/${id}`)).status).toBe(204);
    expect(await statuses(key)).toEqual([401, 401]);
    expect((await scim('GET', `/Users/${id}`)).body).toMatchObject({ status: '404' });
    expect((await scim('DELETE', `/Users/${id}`)).status).toBe(404);
    expect(idOf(await scim('POST', '/Users', entraUser('bob')))).toBe(id);
    await expect.poll(() => statuses(key)).toEqual([200, 200]);
  });
});

describe('a person who is let go', () => {
  it('is out within a second on every replica: all keys, and sessions for good', async () => {
    const id = idOf(await scim('POST', '/Users', oktaUser('cid')));
    const keys = await Promise.all(Array.from({ length: 5 }, () => keyOf(id)));
    const session = `tollgate_cli_${'s'.repeat(43)}`;
    await replicas.database.dataSource.query(
      `INSERT INTO sessions (id, token_hash, kind, user_id, method, expires_at, idle_ends_at)
       VALUES ('session_cid', $1, 'cli', $2, 'oidc', now() + interval '1 hour', now() + interval '1 hour')`,
      [hash('sha256', session), id],
    );
    const looks = async (): Promise<number[]> =>
      Promise.all(
        [0, 1].map(
          async (number) =>
            (await replicas.product(number).request('GET', '/v1/models', undefined, session)).status,
        ),
      );
    expect(await statuses(...keys)).toEqual(Array(10).fill(200));
    expect(await looks()).toEqual([200, 200]);
    await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false });
    const answered = performance.now();
    expect(await statuses(...keys)).toEqual(Array(10).fill(401));
    expect(await looks()).toEqual([401, 401]);
    expect(performance.now() - answered).toBeLessThan(1_000);
    // Whoever looks for the reason finds it on the key, as LiteLLM's scripts do.
    const shown = async (): Promise<unknown[]> => {
      const { info } = (await replicas.admin200(`/key/info?key=${keys[0] ?? ''}`)) as { info: object };
      const listed = await replicas.admin200(`/key/list?user_id=${encodeURIComponent(id)}&status=revoked`);
      return [info, listed['total_count']];
    };
    expect(await shown()).toEqual([expect.objectContaining({ blocked: true, status: 'revoked' }), 5]);
    // What was ended stays ended.
    await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: true });
    await expect.poll(() => statuses(...keys)).toEqual(Array(10).fill(200));
    expect(await looks()).toEqual([401, 401]);
    expect(await shown()).toEqual([expect.objectContaining({ blocked: false, status: 'active' }), 0]);
  });

  it('stays out where an administrator blocked the account', async () => {
    const id = idOf(await scim('POST', '/Users', oktaUser('dan')));
    const key = await keyOf(id);
    await replicas.admin200('/user/update', { user_id: id, blocked: true });
    await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false });
    await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: true });
    expect(await statuses(key)).toEqual([401, 401]);
    await replicas.admin200('/user/update', { user_id: id, blocked: false });
    await expect.poll(() => statuses(key)).toEqual([200, 200]);
  });

  it('is in the audit trail, by the key that did it', async () => {
    const id = idOf(await scim('POST', '/Users', oktaUser('fay')));
    await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false });
    const { audit_logs: rows } = await replicas.admin200(`/audit?object_id=${encodeURIComponent(id)}`);
    expect((rows as { action: string }[]).map(({ action }) => action)).toEqual(
      expect.arrayContaining(['created', 'blocked']),
    );
    expect(JSON.stringify(rows)).not.toContain('1mz050nq');
  });
});

describe('a group', () => {
  it('as Entra ID provisions it, is a team whose members are its own', async () => {
    const [ann, bob] = [
      idOf(await scim('POST', '/Users', entraUser('gus'))),
      idOf(await scim('POST', '/Users', entraUser('hal'))),
    ];
    const made = await scim('POST', '/Groups', {
      schemas: [GROUP],
      externalId: '8aa1a0c0-c4c3',
      displayName: 'Data',
      members: [],
    });
    const id = idOf(made);
    expect(id).toBe('8aa1a0c0-c4c3');
    await patch(`/Groups/${id}`, { op: 'Add', path: 'members', value: [{ value: ann }, { value: bob }] });
    const bare = await scim(
      'GET',
      `/Groups?excludedAttributes=members&filter=${encodeURIComponent('displayName eq "Data"')}`,
    );
    expect(bare.body['Resources']).toEqual([
      expect.not.objectContaining({ members: expect.anything() as unknown }),
    ]);
    const { team_info: team } = await replicas.admin200(`/team/info?team_id=${id}`);
    expect((team as { members_with_roles: object[] }).members_with_roles).toMatchObject([
      { user_id: ann, role: 'user' },
      { user_id: bob, role: 'user' },
    ]);
    const key = await keyOf(ann, { team_id: id });
    expect(await statuses(key)).toEqual([200, 200]);
    await patch(`/Groups/${id}`, { op: 'Remove', path: 'members', value: [{ value: ann }] });
    expect(await statuses(key)).toEqual([401, 401]);
    expect(
      (await scim('GET', `/Groups/${id}`)).body['members'].map((one: { value: string }) => one.value),
    ).toEqual([bob]);
    expect((await scim('GET', `/Users/${bob}`)).body['groups']).toMatchObject([
      { value: id, display: 'Data' },
    ]);
  });

  it('as Okta provisions it, is renamed, filled, emptied and deleted, and the robots of a deleted one stop', async () => {
    const ivy = idOf(await scim('POST', '/Users', oktaUser('ivy')));
    const id = idOf(
      await scim('POST', '/Groups', {
        schemas: [GROUP],
        displayName: 'Okta crew',
        members: [{ value: ivy, display: 'ivy' }],
      }),
    );
    const renamed = await patch(`/Groups/${id}`, { op: 'replace', value: { id, displayName: 'Okta team' } });
    expect(renamed.body).toMatchObject({ id, displayName: 'Okta team', members: [{ value: ivy }] });
    const emptied = await patch(`/Groups/${id}`, { op: 'remove', path: `members[value eq "${ivy}"]` });
    expect(emptied.body['members']).toEqual([]);
    await patch(`/Groups/${id}`, { op: 'add', path: 'members', value: [{ value: ivy, display: 'ivy' }] });
    const ghost = await patch(`/Groups/${id}`, { op: 'add', path: 'members', value: [{ value: 'ghost' }] });
    expect(ghost.body).toMatchObject({ status: '400', scimType: 'invalidValue' });

    const robot = await replicas.makeKey({ team_id: id });
    expect(await statuses(robot)).toEqual([200, 200]);
    expect((await scim('DELETE', `/Groups/${id}`)).status).toBe(204);
    expect(await statuses(robot)).toEqual([401, 401]);
    expect((await scim('GET', `/Groups/${id}`)).status).toBe(404);
  });
});

/** Attack: whoever has the provisioner's key wants to be an administrator. */
describe('a provisioner’s key', () => {
  it('makes no administrator, and moves none to another address', async () => {
    const boss = { user_id: 'boss', user_email: 'boss@corp.test', user_role: 'proxy_admin' };
    await replicas.admin200('/user/new', boss);
    const stolen = await patch('/Users/boss', {
      op: 'replace',
      path: 'emails',
      value: [{ value: 'thief@evil.test', primary: true }],
    });
    expect([stolen.status, stolen.body['scimType']]).toEqual([403, 'mutability']);
    const renamed = await scim('PUT', '/Users/boss', {
      schemas: [USER],
      userName: 'thief@evil.test',
      emails: [{ value: 'thief@evil.test' }],
    });
    expect(renamed.status).toBe(403);
    const climber = {
      ...oktaUser('kim'),
      roles: [{ value: 'proxy_admin', primary: true }],
      user_role: 'proxy_admin',
      metadata: { user_role: 'proxy_admin' },
    };
    const id = idOf(await scim('POST', '/Users', climber));
    await patch(`/Users/${id}`, { op: 'add', value: { role: 'proxy_admin', blocked: false } });
    const row = (await replicas.admin200(`/user/info?user_id=${encodeURIComponent(id)}`))['user_info'] as {
      user_role: string;
    };
    expect(row.user_role).toBe('internal_user');
    // Who left is out, administrator or not: there is a master key.
    expect((await patch('/Users/boss', { op: 'replace', path: 'active', value: false })).status).toBe(200);
  });
});
