import { describe, expect, it } from 'vitest';
import { adminForThisFile } from '../../../../test/harness/admin.js';
import { WORKED_ANSWER } from '../../../../test/harness/worked-answer.js';

const own = adminForThisFile();
const { post, get } = own;

describe('the life of a key', () => {
  it('is updated, blocked, rotated and deleted, each answered as the contract says', async () => {
    const made = await post('/key/generate', { key_alias: 'life', models: ['a'], max_budget: 1 });
    const raw = made.body['key'] as string;
    const updated = await post('/key/update', { key: raw, max_budget: '2.5', duration: '-1', models: null });
    expect(updated.body).toMatchObject({
      key: raw,
      max_budget: 2.5,
      models: [],
      key_alias: 'life',
      expires: null,
      token: made.body['token'],
    });
    expect((await post('/key/update', { key_alias: 'life', rpm: 3 })).body).toMatchObject({
      key: 'life',
      rpm_limit: 3,
      max_budget: 2.5,
    });
    const nameless = await post('/key/update', { rpm: 3 });
    expect(nameless.status).toBe(422);
    expect(nameless.body['error'].message).toContain('either key or key_alias must be provided');

    expect((await post('/key/block', { key: raw })).body).toMatchObject({ blocked: true });
    expect((await get(`/key/info?key=${raw}`)).body['info'].status).toBe('revoked');
    expect((await post('/key/unblock', { key: made.body['token'] })).body).toMatchObject({ blocked: false });
    expect((await post('/key/block', { key: 'nonsense' })).status).toBe(400);
    expect((await post('/key/block', { key: 'f'.repeat(64) })).status).toBe(404);

    const rotated = await post(`/key/${raw}/regenerate`, {});
    expect(Object.keys(rotated.body)).toEqual(WORKED_ANSWER);
    expect(rotated.body).toMatchObject({ key_alias: 'life', max_budget: 2.5, rpm_limit: 3 });
    expect(rotated.body['key']).not.toBe(raw);
    expect((await post('/key/regenerate', { key: raw })).status).toBe(404);
    expect((await post('/key/regenerate', { key: rotated.body['key'], grace_period: 'soon' })).status).toBe(
      400,
    );

    const deleted = await own.running.send('DELETE', '/key/delete', { key: rotated.body['key'] });
    expect(deleted.body).toEqual({ deleted_keys: [rotated.body['key']] });
    expect((await post('/key/delete', { keys: [rotated.body['key']] })).status).toBe(404);
    expect((await post('/key/delete', {})).status).toBe(422);
    expect((await get(`/key/info?key=${rotated.body['token']}`)).body['info'].status).toBe('deleted');
    const listed = (await get('/key/list?status=deleted&return_full_object=true')).body['keys'];
    expect(listed[0]).toMatchObject({
      token: rotated.body['token'],
      status: 'deleted',
      deleted_at: expect.stringMatching(/^\d{4}-/),
      deleted_by: expect.any(String),
    });
    expect((await get(`/key/info?key=sk-unknown`)).body['error']).toMatchObject({
      type: 'not_found_error',
      param: 'key',
    });
  });

  it('deletes by list and by alias, and echoes every value', async () => {
    const one = await post('/key/generate', { key_alias: 'one' });
    const two = await post('/key/generate', {});
    expect(
      (await post('/key/delete', { keys: [two.body['key'], 'sk-unknown'] })).body['deleted_keys'],
    ).toEqual([two.body['key'], 'sk-unknown']);
    expect((await post('/key/delete', { key_aliases: ['one'] })).body['deleted_keys']).toEqual(['one']);
    expect(one.status).toBe(200);
  });
});

describe('looking at keys', () => {
  it('lists them for the master key without a name, and by the list', async () => {
    for (let i = 0; i < 12; i += 1)
      await post('/key/generate', { key_alias: `k${i}`, budget_duration: '1mo', max_budget: 1 });
    const own = await get('/key/info');
    expect(own.body['info']).toMatchObject({ user_role: 'proxy_admin' });
    expect(own.body['keys']).toHaveLength(10);
    const list = await get('/key/list?page=2&size=10');
    expect(list.body).toMatchObject({ total_count: 12, current_page: 2, total_pages: 2 });
    expect(list.body['keys']).toHaveLength(2);
    expect(list.body['keys'][0]).toMatch(/^[0-9a-f]{64}$/);
    const full = await get('/key/list?return_full_object=true&sort_by=key_alias&sort_order=asc&size=1');
    expect(full.body['keys'][0]).toMatchObject({ key_alias: 'k0', org_id: null, spend: 0 });
    expect(full.body['keys'][0]['budget_reset_at']).toMatch(/^\d{4}-\d\d-01T00:00:00/);
    expect((await get('/key/list?size=101')).status).toBe(422);
    expect((await get('/key/list?size=101')).body['detail'][0]).toMatchObject({
      type: 'less_than_equal',
      loc: ['query', 'size'],
    });
    expect((await get('/key/list?sort_by=id;drop')).status).toBe(400);
    const two = await post('/v2/key/info', { key_aliases: ['k1', 'nobody'] });
    expect(two.body['info']).toHaveLength(1);
  });

  it('shows its money', async () => {
    const { body } = await post('/key/generate', {});
    const [row] = await own.running.dataSource.query('SELECT id FROM virtual_keys');
    own.running.spend.stated.set(`key:${row.id}`, 1_234_567_890n);
    expect((await get(`/key/info?key=${body['key']}`)).body['info'].spend).toBe(1.23456789);
  });
});
