import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, GovernedProduct, modelEntry } from '../harness/governed-product.js';

/**
 * The permission `/key/access_group_assignment`: a team lets its members give the team's keys the groups that the team has. It must
 * never give anybody what the team was not given.
 */
let gate: GovernedProduct;
let ours: string;
let foreign: string;
let member: string;
let lead: string;

beforeAll(async () => {
  gate = await GovernedProduct.start((provider) => ({
    model_list: ['m', 'own', 'gift', 'treasure'].map((name) => modelEntry(name, provider)),
    router_settings: { num_retries: 0, disable_cooldowns: true },
  }));
  ours = await group('ours', ['gift']);
  foreign = await group('foreign', ['treasure']);
  for (const id of ['mary', 'lena']) await gate.admin('/user/new', { user_id: id, auto_create_key: false });
  await gate.admin('/team/new', {
    team_id: 'crew',
    models: ['own'],
    access_group_ids: [ours],
    members_with_roles: [
      { role: 'user', user_id: 'mary' },
      { role: 'admin', user_id: 'lena' },
    ],
  });
  await gate.admin('/team/new', {
    team_id: 'other',
    models: ['own'],
    members_with_roles: [{ role: 'admin', user_id: 'mary' }],
  });
  member = await gate.makeKey({ user_id: 'mary' });
  lead = await gate.makeKey({ user_id: 'lena' });
});
afterAll(() => gate?.dispose());

async function group(name: string, models: string[]): Promise<string> {
  const body = { access_group_name: name, access_model_names: models };
  return String((await gate.ask('POST', '/v1/access_group', body)).body['access_group_id']);
}
const permit = (...permissions: string[]): Promise<unknown> =>
  gate.admin('/team/permissions_update', { team_id: 'crew', team_member_permissions: permissions });
const ASSIGN = '/key/access_group_assignment';
const keyOfTeam = (models = ['own']): Promise<string> =>
  gate.makeKey({ team_id: 'crew', user_id: 'mary', models });
const update = (key: string, ids: string[], as = member): Promise<Answer> =>
  gate.ask('POST', '/key/update', { key, access_group_ids: ids }, as);
const status = async (key: string, model: string): Promise<number> =>
  (await gate.chat(key, { model })).status;
const keysOf = async (id: string): Promise<unknown> =>
  (await gate.admin(`/v1/access_group/${id}`))['assigned_key_ids'];

describe('access groups that a team lets its members give', () => {
  it('are given to keys of the team, as far as the team has them', async () => {
    await permit(ASSIGN, '/key/generate');
    const key = await keyOfTeam();
    expect(await status(key, 'gift')).toBe(403);
    const answer = await update(key, [ours]);
    expect([answer.status, answer.body['access_group_ids']]).toEqual([200, [ours]]);
    expect([await status(key, 'gift'), await status(key, 'treasure')]).toEqual([200, 403]);
    expect((await update(key, [])).status).toBe(200);
    expect(await status(key, 'gift')).toBe(403);
    const body = { team_id: 'crew', models: ['own'], access_group_ids: [ours] };
    const made = await gate.ask('POST', '/key/generate', body, member);
    expect([made.status, await status(String(made.body['key']), 'gift')]).toEqual([200, 200]);
    const byLead = await keyOfTeam();
    expect([(await update(byLead, [ours], lead)).status, await status(byLead, 'gift')]).toEqual([200, 200]);
  });

  it('are not given without the permission, beyond the team, outside it, or nested', async () => {
    await permit('/key/generate', '/key/update', '/key/regenerate', '/key/bulk_update');
    const key = await keyOfTeam();
    const personal = await gate.makeKey({ user_id: 'mary', models: ['own'] });
    const before = [await keysOf(ours), await keysOf(foreign)];
    const refused = [
      await update(key, [ours]),
      await update(key, ['nowhere']),
      await gate.ask('POST', '/key/generate', { team_id: 'crew', access_group_ids: [ours] }, member),
      await gate.ask('POST', '/key/regenerate', { key, access_group_ids: [ours] }, member),
    ];
    await permit('/key/generate', '/key/update', ASSIGN);
    refused.push(
      await update(key, [foreign]),
      await update(key, [ours, foreign]),
      await update(key, [ours, 'nowhere']),
      await update(personal, [ours]),
      await gate.ask('POST', '/key/generate', { access_group_ids: [ours] }, member),
      // She administers that team; it was given nothing.
      await gate.ask('POST', '/key/generate', { team_id: 'other', access_group_ids: [ours] }, member),
      await gate.ask('POST', '/team/update', { team_id: 'other', access_group_ids: [ours] }, member),
      await update(key, [foreign], lead),
    );
    expect(refused.map((answer) => answer.status)).toEqual(refused.map(() => 403));
    expect(new Set(refused.map((answer) => answer.body['error'].message)).size).toBe(1);
    const nested = [
      ['/key/update', { key, metadata: { access_group_ids: [foreign] } }],
      ['/key/bulk_update', { keys: [{ key, access_group_ids: [foreign] }] }],
      [
        '/team/key/bulk_update',
        { team_id: 'crew', key_ids: [key], update_fields: { access_group_ids: [foreign] } },
      ],
      ['/v1/access_group', { access_group_name: 'mine', access_model_names: ['*'] }],
    ] as const;
    for (const [path, body] of nested)
      expect((await gate.ask('POST', path, body, member)).status, path).toBeLessThan(500);
    expect([await keysOf(ours), await keysOf(foreign)]).toEqual(before);
    expect([await status(key, 'treasure'), await status(key, 'm')]).toEqual([403, 403]);
  });

  /** Attack: a leaked key that may call little makes itself one that may call more. */
  it('are no way out of a narrow key', async () => {
    await permit('/key/generate', '/key/update', ASSIGN);
    const narrow = await keyOfTeam();
    expect((await update(narrow, [ours], narrow)).status).toBe(403);
    const body = { team_id: 'crew', models: ['own'], access_group_ids: [ours] };
    expect((await gate.ask('POST', '/key/generate', body, narrow)).status).toBe(403);
    await update(narrow, [ours]);
    expect((await gate.ask('POST', '/key/generate', body, narrow)).status).toBe(200);
  });

  /** Attack: what one team was given is carried to another one, or kept after the team has lost it. */
  it('stay with the team', async () => {
    await permit('/key/update', ASSIGN);
    const key = await keyOfTeam();
    await update(key, [ours]);
    const moved = await gate.ask('POST', '/key/update', { key, team_id: 'other' }, member);
    expect(moved.status).toBe(200);
    expect([moved.body['access_group_ids'], await status(key, 'gift')]).toEqual([[], 403]);
    const kept = await keyOfTeam();
    await update(kept, [ours]);
    await gate.admin('/team/update', { team_id: 'crew', access_group_ids: [] });
    expect(await status(kept, 'gift')).toBe(403);
    await gate.ask('PUT', `/v1/access_group/${ours}`, { assigned_team_ids: ['crew'] });
    expect(await status(kept, 'gift')).toBe(403);
    await update(kept, [ours]);
    expect(await status(kept, 'gift')).toBe(200);
    await gate.ask('PUT', `/v1/access_group/${ours}`, { assigned_team_ids: [] });
    expect(await status(kept, 'gift')).toBe(403);
    await gate.ask('PUT', `/v1/access_group/${ours}`, { assigned_team_ids: ['crew'] });
  });

  /** Attack: assignments race with the moment in which the team loses the group. */
  it('are not won in a race', async () => {
    await permit('/key/update', ASSIGN);
    const keys = await Promise.all(Array.from({ length: 12 }, () => keyOfTeam()));
    const answers = await Promise.all([
      ...keys.map((key) => update(key, [ours])),
      gate.ask('POST', '/team/update', { team_id: 'crew', access_group_ids: [] }),
      ...keys.map((key) => update(key, [ours])),
    ]);
    expect(answers.filter((answer) => answer.status >= 500).map(({ text }) => text)).toEqual([]);
    expect(await keysOf(ours)).toEqual([]);
    for (const key of keys) expect(await status(key, 'gift')).toBe(403);
  });

  /** Attack: the same race, held open at the moment that counts. */
  it.each([
    ['the group', `UPDATE access_groups SET team_ids = '{}' WHERE name = 'ours'`],
    ['the permission', `UPDATE teams SET member_permissions = '{/key/update}' WHERE id = 'crew'`],
  ])('are judged by what is so when they are written: %s is taken away meanwhile', async (_, taking) => {
    await permit('/key/update', ASSIGN);
    await gate.ask('PUT', `/v1/access_group/${ours}`, { assigned_team_ids: ['crew'] });
    const key = await keyOfTeam();
    const { dataSource } = gate.database;
    const taker = dataSource.createQueryRunner();
    await taker.startTransaction();
    try {
      await taker.query(taking);
      const answer = update(key, [ours]);
      const waiting = async (): Promise<unknown> =>
        (
          await dataSource.query(
            `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
          )
        ).length;
      await expect.poll(waiting, { timeout: 5_000 }).toBe(1);
      await taker.commitTransaction();
      expect((await answer).status).toBe(403);
    } finally {
      if (taker.isTransactionActive) await taker.rollbackTransaction();
      await taker.release();
    }
    expect(await keysOf(ours)).toEqual([]);
  });
});
