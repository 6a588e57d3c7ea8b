import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct, modelEntry } from '../harness/governed-product.js';

/** Access groups as keys and teams name them: the same assignment as on the group itself, seen from the other side. */
let gate: GovernedProduct;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: ['m', 'own', 'gift', 'later'].map((name) => modelEntry(name, provider)),
    router_settings: { num_retries: 0, disable_cooldowns: true },
  }));
});
afterAll(() => gate?.dispose());

async function group(name: string, models: string[] = ['gift']): Promise<string> {
  const made = await gate.ask('POST', '/v1/access_group', {
    access_group_name: name,
    access_model_names: models,
  });
  return String(made.body['access_group_id']);
}
const status = async (key: string, model: string): Promise<number> =>
  (await gate.chat(key, { model })).status;
const holdersOf = async (id: string) => await gate.admin(`/v1/access_group/${id}`);

describe('access_group_ids of a key', () => {
  it('give it the models of the group, as long as both say so', async () => {
    const id = await group('of-key');
    const made = await gate.admin('/key/generate', { models: ['own'], access_group_ids: [id] });
    const key = String(made['key']);
    expect(made['access_group_ids']).toEqual([id]);
    expect([await status(key, 'own'), await status(key, 'gift'), await status(key, 'm')]).toEqual([
      200, 200, 403,
    ]);
    expect((await holdersOf(id))['assigned_key_ids']).toEqual([made['token']]);
    expect((await gate.admin(`/key/info?key=${key}`))['info'].access_group_ids).toEqual([id]);
    await gate.ask('PUT', `/v1/access_group/${id}`, { access_model_names: ['later'] });
    expect([await status(key, 'gift'), await status(key, 'later')]).toEqual([403, 200]);
    const other = await group('of-key-too', ['m']);
    const updated = await gate.admin('/key/update', { key, access_group_ids: [other] });
    expect(updated['access_group_ids']).toEqual([other]);
    expect([await status(key, 'later'), await status(key, 'm')]).toEqual([403, 200]);
    // What is not sent stays.
    await gate.admin('/key/update', { key, metadata: { note: 'x' } });
    const renewed = await gate.admin('/key/regenerate', { key });
    expect(await status(String(renewed['key']), 'm')).toBe(200);
    const listed = await gate.admin(`/key/list?access_group_id=${other}`);
    expect(listed['keys']).toEqual([renewed['token']]);
    await gate.admin('/key/update', { key: renewed['key'], access_group_ids: [] });
    expect(await status(String(renewed['key']), 'm')).toBe(403);
    expect((await holdersOf(other))['assigned_key_ids']).toEqual([]);
  });

  it('that name no group make no key', async () => {
    const answer = await gate.ask('POST', '/key/generate', {
      key_alias: 'unmade',
      access_group_ids: ['nowhere'],
    });
    expect([answer.status, answer.body['error'].param]).toEqual([400, 'access_group_ids']);
    expect((await gate.admin('/key/list?key_alias=unmade'))['keys']).toEqual([]);
  });

  /** A group grants models: who could choose his own would choose everybody's. Whether a group exists is not told either. */
  it('are the proxy administrators’ to choose', async () => {
    const id = await group('treasure', ['*']);
    const { user_id, key } = await gate.admin('/user/new', { models: ['own'] });
    const mine = await gate.makeKey({ user_id, models: ['own'] });
    const attempts = [
      ['/key/generate', { access_group_ids: [id] }],
      ['/key/generate', { access_group_ids: ['nowhere'] }],
      ['/key/update', { key: mine, access_group_ids: [id] }],
      ['/key/update', { key: mine, access_group_ids: ['nowhere'] }],
      ['/key/regenerate', { key: mine, access_group_ids: [id] }],
    ] as const;
    const answers = [];
    for (const [path, body] of attempts) answers.push(await gate.ask('POST', path, body, String(key)));
    expect(answers.map((answer) => answer.status)).toEqual([403, 403, 403, 403, 403]);
    expect(new Set(answers.map((answer) => answer.body['error'].message)).size).toBe(1);
    expect((await holdersOf(id))['assigned_key_ids']).toEqual([]);
    expect(
      (await gate.ask('POST', '/key/update', { key: mine, access_group_ids: [] }, String(key))).status,
    ).toBe(200);
    expect(await status(mine, 'm')).toBe(403);
  });
});

describe('access_group_ids of a team', () => {
  it('give its keys the models of the group, and die with the team', async () => {
    const id = await group('of-team');
    const team = { team_id: 'crew', models: ['own'] };
    expect(await gate.admin('/team/new', { ...team, access_group_ids: [id] })).toMatchObject({
      access_group_ids: [id],
    });
    const key = await gate.makeKey({ team_id: 'crew' });
    expect([await status(key, 'own'), await status(key, 'gift'), await status(key, 'm')]).toEqual([
      200, 200, 403,
    ]);
    const { team_info: info } = await gate.admin('/team/info?team_id=crew');
    expect(info).toMatchObject({ access_group_ids: [id], access_group_models: ['gift'] });
    await gate.admin('/team/update', { team_id: 'crew', access_group_ids: [] });
    expect(await status(key, 'gift')).toBe(403);
    await gate.admin('/team/update', { team_id: 'crew', access_group_ids: [id] });
    expect(await status(key, 'gift')).toBe(200);
    await gate.admin('/team/delete', { team_ids: ['crew'] });
    expect((await holdersOf(id))['assigned_team_ids']).toEqual([]);
    await gate.admin('/team/new', team);
    expect(await status(await gate.makeKey({ team_id: 'crew' }), 'gift')).toBe(403);
  });
});

describe('access_group_ids of a user', () => {
  it('open the models of the group to the user’s keys, and are shown wherever the user is', async () => {
    const id = await group('of-user');
    const made = await gate.admin('/user/new', {
      user_id: 'ann',
      models: ['own'],
      access_group_ids: [id],
    });
    expect([made['access_group_ids'], (await holdersOf(id))['assigned_user_ids']]).toEqual([[id], ['ann']]);
    // The first key is the user's: it has the user's models, and the user's groups.
    const first = String(made['key']);
    expect((await gate.admin(`/key/info?key=${first}`))['info'].access_group_ids).toEqual([id]);
    const later = await gate.makeKey({ user_id: 'ann' });
    for (const key of [first, later])
      expect([await status(key, 'own'), await status(key, 'gift'), await status(key, 'm')]).toEqual([
        200, 200, 403,
      ]);
    expect((await gate.admin('/user/info?user_id=ann'))['user_info'].access_group_ids).toEqual([id]);
    expect((await gate.admin('/v2/user/info?user_id=ann'))['access_group_ids']).toEqual([id]);
    const { data } = await gate.admin('/user/update', { user_id: 'ann', access_group_ids: [] });
    expect(data.access_group_ids).toEqual([]);
    expect(await status(later, 'gift')).toBe(403);
    await gate.ask('PUT', `/v1/access_group/${id}`, { assigned_user_ids: ['ann'] });
    expect(await status(later, 'gift')).toBe(200);
    const foreign = await gate.ask('PUT', `/v1/access_group/${id}`, { assigned_user_ids: ['nobody'] });
    expect([foreign.status, foreign.body['error'].param]).toEqual([400, 'assigned_user_ids']);
  });

  /** Attack: an account under a deleted one's name takes over what that one was given. */
  it('die with the user', async () => {
    const id = await group('mortal');
    await gate.admin('/user/new', { user_id: 'gone', models: ['own'], access_group_ids: [id] });
    await gate.admin('/user/delete', { user_ids: ['gone'] });
    expect((await holdersOf(id))['assigned_user_ids']).toEqual([]);
    const { key } = await gate.admin('/user/new', { user_id: 'gone', models: ['own'] });
    expect(await status(String(key), 'gift')).toBe(403);
  });

  /** Issue: no field of a body, nested, in bulk or repeated, widens what its sender may call. */
  it('cannot be chosen by the user, its organization’s administrator or its team’s', async () => {
    const id = await group('far', ['*']);
    await gate.admin('/organization/new', { organization_id: 'acme', organization_alias: 'acme' });
    const chief = await gate.admin('/user/new', { user_id: 'chief', organization_id: 'acme' });
    const ann = await gate.admin('/user/new', { user_id: 'eve', organization_id: 'acme', models: ['own'] });
    await gate.ask('PATCH', '/organization/member_update', {
      organization_id: 'acme',
      user_id: 'chief',
      role: 'org_admin',
    });
    const ask = (path: string, body: object, key: unknown) => gate.ask('POST', path, body, String(key));
    const answers = [
      await ask('/user/update', { user_id: 'eve', access_group_ids: [id] }, ann['key']),
      await ask('/user/update', { user_id: 'eve', access_group_ids: ['nowhere'] }, ann['key']),
      await ask('/user/update', { user_id: 'eve', access_group_ids: [id] }, chief['key']),
      await ask('/user/new', { organization_id: 'acme', access_group_ids: [id] }, chief['key']),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([403, 403, 403, 403]);
    expect(new Set(answers.map((answer) => answer.body['error'].message)).size).toBe(1);
    const bulk = await ask(
      '/user/bulk_update',
      { users: [{ user_id: 'eve', access_group_ids: [id] }] },
      chief['key'],
    );
    expect(bulk.status === 200 ? bulk.body['successful_updates'] : 0).toBe(0);
    await ask('/user/update', { user_id: 'eve', metadata: { access_group_ids: [id] } }, ann['key']);
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        ask('/user/update', { user_id: 'eve', user_alias: `e${n}`, access_group_ids: [id] }, ann['key']),
      ),
    );
    expect((await holdersOf(id))['assigned_user_ids']).toEqual([]);
    expect(await status(String(ann['key']), 'm')).toBe(403);
  });
});
