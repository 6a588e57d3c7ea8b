import { hashRawKey } from '#libs/tenancy';
import { describe, expect, it } from 'vitest';
import { adminForThisFile } from '../../../../test/harness/admin.js';
import { principal } from '../../../../test/harness/caller.js';
import { WORKED_ANSWER } from '../../../../test/harness/worked-answer.js';

const own = adminForThisFile();
const { post, get } = own;

describe('POST /key/generate', () => {
  it("answers the body of the security guide in the contract's shape", async () => {
    const { status, body } = await post('/key/generate', {
      user_id: 'user-123',
      key_name: 'mobile-app',
      duration: '30d',
      models: ['gpt-3.5-turbo', 'shin-llama-70b'],
      max_budget: 100.0,
    });
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(WORKED_ANSWER);
    expect(body).toMatchObject({
      user_id: 'user-123',
      key_name: 'mobile-app',
      key_alias: 'mobile-app',
      max_budget: 100,
      duration: '30d',
    });
    expect(body['token']).toBe(hashRawKey(body['key']));
    expect(body['expires']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const info = await get(`/key/info?key=${body['key']}`);
    expect(info.body['info']).toMatchObject({
      key_name: `sk-...${body['key'].slice(-4)}`,
      key_alias: 'mobile-app',
      status: 'active',
    });
    expect(info.body['info']).not.toHaveProperty('token');
  });

  it('takes both spellings of the rate limits; the real name wins', async () => {
    const short = await post('/key/generate', { rpm: 10, tpm: '1000' });
    expect(short.body).toMatchObject({ rpm_limit: 10, tpm_limit: 1000 });
    expect((await post('/key/generate', { rpm: 10, rpm_limit: 5 })).body['rpm_limit']).toBe(5);
  });

  it('makes a key of nothing, and of defaults', async () => {
    expect((await post('/key/generate')).status).toBe(200);
    expect(
      (
        await post('/key/generate', {
          guardrails: [],
          permissions: {},
          budget_id: '',
          auto_rotate: false,
          spend: 0,
        })
      ).status,
    ).toBe(200);
  });

  it('names fields it ignores', async () => {
    const { status, headers } = await post('/key/generate', { color: 1, 'a,b\r\nx-evil: 1': 2 });
    expect(status).toBe(200);
    expect(headers.get('x-ignored-fields')).toBe('color,a?b??x-evil:?1');
    expect(headers.get('x-evil')).toBeNull();
  });

  it.each([
    [{ max_budget: -1 }, 400, 'max_budget'],
    [{ max_budget: 1e308 }, 400, 'max_budget'],
    [{ max_budget: 'lots' }, 400, 'max_budget'],
    [{ max_budget: true }, 400, 'max_budget'],
    [{ rpm_limit: -1 }, 400, 'rpm_limit'],
    [{ rpm_limit: 1.5 }, 400, 'rpm_limit'],
    [{ rpm_limit: 3_000_000_000 }, 400, 'rpm_limit'],
    [{ tpm: {} }, 400, 'tpm'],
    [{ budget_duration: 'soon' }, 400, 'budget_duration'],
    [{ duration: '0d' }, 400, 'duration'],
    [{ duration: 5 }, 400, 'duration'],
    [{ max_budgt: 5 }, 400, 'max_budgt'],
    [{ tpd_limit: 5 }, 400, 'tpd_limit'],
    [{ permissions: { get_spend_routes: true } }, 400, 'permissions'],
    [{ organization_id: 'o' }, 400, 'organization_id'],
    [{ allowed_ips: ['10.0.0.1'] }, 400, 'allowed_ips'],
    [{ metadata: { guardrails: ['g'] } }, 400, 'metadata'],
    [{ metadata: { model_rpm_limit: { a: -1 } } }, 400, 'model_rpm_limit'],
    [{ metadata: { a: 'x\u0000y' } }, 400, 'metadata'],
    [{ metadata: { a: '\ud800' } }, 400, 'metadata'],
    [{ metadata: { a: 'x'.repeat(70_000) } }, 400, 'metadata'],
    [{ key_alias: 'x'.repeat(100_000) }, 400, 'key_alias'],
    [{ key_alias: 'a\nb' }, 400, 'key_alias'],
    [{ user_id: 'a\u0000' }, 400, 'user_id'],
    [{ key: 'short' }, 400, 'key'],
    [{ key: 'sk-short' }, 400, 'key'],
    [{ key: 'sk-the-master-key-of-this-test' }, 400, 'key'],
    [{ allowed_routes: ['llm_api_route'] }, 400, 'allowed_routes'],
    [{ models: 'gpt-4' }, 422, 'models'],
    [{ key_type: 'root' }, 422, 'key_type'],
    [{ blocked: 'yes' }, 422, 'blocked'],
    [[1], 422, null],
  ])('refuses %j', async (body, status, param) => {
    const answer = await post('/key/generate', body);
    expect(answer.status).toBe(status);
    expect(answer.body['error']).toMatchObject({ param, code: String(status) });
    if (status === 422)
      expect(answer.body['detail'][0]).toMatchObject({ loc: param === null ? ['body'] : ['body', param] });
    expect(JSON.stringify(answer.body)).not.toMatch(/virtual_keys|at .*\.ts|node_modules/);
    expect(await own.running.dataSource.query('SELECT 1 FROM virtual_keys')).toHaveLength(0);
  });

  it('stores hostile text as text', async () => {
    const alias = `'; DROP TABLE virtual_keys; -- {{7*7}} \${jndi:ldap://x} <script>`;
    const { body } = await post('/key/generate', {
      key_alias: alias,
      metadata: { __proto__x: alias, constructor: alias },
    });
    const info = await get(`/key/info?key=${body['token']}`);
    expect(info.body['info']).toMatchObject({
      key_alias: alias,
      metadata: { __proto__x: alias, constructor: alias },
    });
  });

  it('refuses a taken alias and allows a taken label', async () => {
    await post('/key/generate', { key_alias: 'a', key_name: 'n' });
    const again = await post('/key/generate', { key_alias: 'a' });
    expect(again.status).toBe(400);
    expect(again.body['error']).toMatchObject({ param: 'key_alias', type: 'bad_request_error' });
    expect(again.body['error'].message).toContain("Key with alias 'a' already exists");
    expect((await post('/key/generate', { key_name: 'n' })).status).toBe(200);
  });

  it('makes a key of whoever asks, and of nobody else', async () => {
    own.running.state.caller = principal({ user: { id: 'ann' } });
    expect((await post('/key/generate', {})).body).toMatchObject({ user_id: 'ann', created_by: 'ann' });
    const { status, body } = await post('/key/generate', { user_id: 'bob' });
    expect(status).toBe(403);
    expect(body['error'].message).toContain('User can only create keys for themselves');
    own.running.state.caller = principal({ role: 'internal_user_viewer', user: { id: 'ann' } });
    expect((await post('/key/generate', {})).status).toBeGreaterThanOrEqual(401);
  });
});
