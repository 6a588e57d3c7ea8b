import { describe, expect, it } from 'vitest';
import { adminForThisFile } from '../../../../test/harness/admin.js';
import { principal } from '../../../../test/harness/caller.js';

const own = adminForThisFile();
const { post } = own;
const info = async (token: string) => (await own.running.get(`/key/info?key=${token}`)).body['info'];

describe('the keys of a team at once', () => {
  const made = async (fields: object): Promise<string> =>
    (await post('/key/generate', fields)).body['token'] as string;

  it('are changed alike; keys of others, blocked and expired ones are not', async () => {
    await post('/team/new', { team_id: 't' });
    const [one, other, blocked, foreign] = await Promise.all([
      made({ team_id: 't' }),
      made({ team_id: 't', duration: '1d' }),
      made({ team_id: 't', blocked: true }),
      made({}),
    ]);
    await own.running.dataSource.query(
      "UPDATE virtual_keys SET expires_at = now() - interval '1 day' WHERE token_hash = $1",
      [await made({ team_id: 't', key_alias: 'old' })],
    );
    const all = await post('/team/key/bulk_update', {
      team_id: 't',
      all_keys_in_team: true,
      update_fields: { max_budget: 3 },
    });
    expect(all.status).toBe(200);
    expect(all.body).toMatchObject({ total_requested: 2, failed_updates: [] });
    expect([(await info(one)).max_budget, (await info(other)).max_budget]).toEqual([3, 3]);
    expect([(await info(blocked)).max_budget, (await info(foreign)).max_budget]).toEqual([null, null]);

    const named = await post('/team/key/bulk_update', {
      team_id: 't',
      key_ids: [one, foreign],
      update_fields: { rpm_limit: 7 },
    });
    expect(named.body).toMatchObject({
      total_requested: 2,
      successful_updates: [{ key: one, key_info: { rpm_limit: 7 } }],
      failed_updates: [{ key: foreign, key_info: null }],
    });
    expect((await info(foreign)).rpm_limit).toBeNull();
  });

  it('take only what is listed, for keys named in one of the two ways', async () => {
    await post('/team/new', { team_id: 't' });
    const key_ids = [await made({ team_id: 't' })];
    const send = async (body: object): Promise<number> =>
      (await post('/team/key/bulk_update', { team_id: 't', ...body })).status;
    expect(await send({ key_ids, update_fields: { user_id: 'me' } })).toBe(422);
    expect(await send({ key_ids, update_fields: { allowed_routes: ['/*'] } })).toBe(422);
    expect(await send({ key_ids, all_keys_in_team: true, update_fields: { rpm_limit: 1 } })).toBe(400);
    expect(await send({ update_fields: { rpm_limit: 1 } })).toBe(400);
  });

  it('are nobody else’s: a member and a stranger are refused like for a team that is not there', async () => {
    await post('/team/new', { team_id: 't', members_with_roles: [{ role: 'user', user_id: 'member' }] });
    const key_ids = [await made({ team_id: 't' })];
    const asked = async (user: string, team_id: string) => {
      own.running.state.caller = principal({ user: { id: user } });
      const { status, body } = await post('/team/key/bulk_update', {
        team_id,
        key_ids,
        update_fields: { rpm_limit: 9 },
      });
      return { status, message: body['error'].message };
    };
    const nowhere = await asked('stranger', 'nowhere');
    expect(nowhere.status).toBe(403);
    expect(await asked('stranger', 't')).toEqual(nowhere);
    expect(await asked('member', 't')).toEqual(nowhere);
  });

  it('are open to a member whom the team permits it, to be narrowed', async () => {
    await post('/team/new', { team_id: 't', members_with_roles: [{ role: 'user', user_id: 'member' }] });
    const key = await made({ team_id: 't', rpm_limit: 9 });
    await post('/team/permissions_update', {
      team_id: 't',
      team_member_permissions: ['/team/key/bulk_update'],
    });
    own.running.state.caller = principal({ user: { id: 'member' } });
    const asked = async (rpm_limit: number) =>
      (await post('/team/key/bulk_update', { team_id: 't', key_ids: [key], update_fields: { rpm_limit } }))
        .body;
    expect(await asked(10)).toMatchObject({ successful_updates: [], failed_updates: [{ key }] });
    expect(await asked(8)).toMatchObject({ successful_updates: [{ key, key_info: { rpm_limit: 8 } }] });
    // One permission is not the other.
    expect((await post('/key/update', { key, rpm_limit: 7 })).status).toBe(403);
  });
});
