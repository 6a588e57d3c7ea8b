import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Secret } from '#libs/kernel';
import { ConfigFolder } from './config-folder.harness.js';
import { loadConfig, secretsOf } from './index.js';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => folder.remove());

describe('wrong types', () => {
  it.each([
    ['general_settings: {allowed_ips: [5]}', 'general_settings.allowed_ips.0: expected string, got number'],
    [
      'general_settings: {allowed_ips: ["10.0.0.0/99"]}',
      'general_settings.allowed_ips.0: expected an IP address or a range',
    ],
    ['general_settings: [1]', 'general_settings: expected settings (a mapping), got list'],
    ['general_settings: {master_key: 12345}', 'general_settings.master_key: expected string, got number'],
    [
      'general_settings: {enforce_user_param: maybe}',
      'general_settings.enforce_user_param: expected boolean, got string',
    ],
    ['litellm_settings: {rpm: -1}', 'litellm_settings.rpm: expected at least 0'],
    ['litellm_settings: {rpm: .nan}', 'litellm_settings.rpm: expected number, got NaN'],
    ['litellm_settings: {tpm: 1.5}', 'litellm_settings.tpm: expected a whole number, got a fraction'],
    [
      'litellm_settings: {max_budget: .inf, budget_duration: 30d}',
      'litellm_settings.max_budget: expected number, got Infinity',
    ],
    [
      'litellm_settings: {max_budget: -5, budget_duration: 30d}',
      'litellm_settings.max_budget: expected at least 0',
    ],
    ['litellm_settings: {max_budget: 5}', 'litellm_settings.budget_duration: expected a duration'],
    [
      'litellm_settings: {max_budget: 5, budget_duration: 0d}',
      'litellm_settings.budget_duration: expected a duration',
    ],
    ['litellm_settings: {timezone: Mars/Olympus}', 'litellm_settings.timezone: expected a time zone'],
    [
      'litellm_settings: {budget_reset_time: "25:00"}',
      'litellm_settings.budget_reset_time: expected a time of day',
    ],
    [
      'litellm_settings: {budget_exceeded_status_code: 200}',
      'litellm_settings.budget_exceeded_status_code: expected at least 400',
    ],
    ['litellm_settings: {fallbacks: [{a: b}]}', 'litellm_settings.fallbacks.0.a: expected array, got string'],
    [
      'router_settings: {routing_strategy: fastest}',
      'router_settings.routing_strategy: expected one of simple-shuffle',
    ],
    ['model_list: {a: b}', 'model_list: expected a list of models, got mapping'],
    ['model_list: [{litellm_params: {model: x}}]', 'model_list.0.model_name: expected string, got nothing'],
    [
      'model_list: [{model_name: m, litellm_params: {model: x, rpm: -1}}]',
      'model_list.0.litellm_params.rpm: expected at least 0',
    ],
    [
      'model_list: [{model_name: m, litellm_params: {model: x, input_cost_per_token: .nan}}]',
      'model_list.0.litellm_params.input_cost_per_token: expected number, got NaN',
    ],
    [
      'model_list: [{model_name: m, litellm_params: {model: x, cache_read_input_token_cost: -1}}]',
      'model_list.0.litellm_params.cache_read_input_token_cost: expected at least 0',
    ],
    [
      'model_list: [{model_name: m, litellm_params: {model: x, litellm_credential_name: c}}]',
      'model_list.0.litellm_params.litellm_credential_name: no entry',
    ],
    [
      'general_settings: {database_url: "mysql://x"}',
      'general_settings.database_url: expected a URL that starts with postgresql://',
    ],
    ['- a', 'config.yaml: expected sections'],
  ])('%s', async (yaml, expected) => {
    const problems = await folder.problemsOf(yaml);
    expect(problems.join('\n')).toContain(expected);
  });

  it('are all told at once', async () => {
    expect(
      await folder.problemsOf(
        'general_settings: {master_key: 1, allowed_ips: [5, x]}\nlitellm_settings: {rpm: x}\nmodel_list: [3]',
        { PORT: 'x', REDIS_PORT: '99999' },
      ),
    ).toHaveLength(7);
  });

  it('name file, line and column in broken YAML', async () => {
    expect(await folder.problemsOf('general_settings:\n  a: 1\n  a: 2\n')).toEqual([
      'config.yaml:3:3: this name stands here twice; only one of them can count',
    ]);
    expect((await folder.problemsOf('a: [1\nb: 2')).join()).toMatch(/^config\.yaml:\d+:\d+: /);
    expect(await folder.problemsOf(`a: &a [x]\n${'b: *nothing'}`)).toHaveLength(1);
  });

  it('name a file that is not there', async () => {
    await expect(loadConfig({ flags: { config: 'none.yaml' }, env: {}, cwd: folder.path })).rejects.toThrow(
      'none.yaml: the file cannot be read (ENOENT)',
    );
  });
});

describe('a secret in the configuration', () => {
  const secret = 'Zx9-secret-Zx9';
  it.each([
    `general_settings: {master_key: ["${secret}"]}`,
    `general_settings: {database_url: "mysql://u:${secret}@h/d"}`,
    `general_settings: {coordination_redis: {url: "http://${secret}"}}`,
    `general_settings: {allowed_ips: ["${secret}"], log_level: ${secret}, token_rate_limit_type: ${secret}}`,
    `general_settings: {master_key: "${secret}\n  broken: x`,
    `general_settings:\n  master_key: ${secret}\n   oops: [\n`,
    `general_settings: {master_key: @${secret}}`,
    `general_settings: {master_key: !${secret} x}`,
    `general_settings: {master_key: *${secret}}`,
    `general_settings: {litellm_jwtauth: {leeway: ${secret}}}`,
    `model_list: [{model_name: m, litellm_params: {model: x, api_key: [${secret}], rpm: ${secret}}}]`,
    `credential_list: [${secret}]`,
    `router_settings: {model_group_alias: {a: [${secret}]}, fallbacks: ${secret}}`,
    `litellm_settings: {timezone: ${secret}, budget_duration: ${secret}, max_budget: ${secret}}`,
  ])('is in no message: %s', async (yaml) => {
    const problems = await folder.problemsOf(yaml, {
      PORT: secret,
      REDIS_URL: secret,
      LITELLM_LOG: secret,
      DISABLE_ADMIN_ENDPOINTS: secret,
    });
    expect(problems.length).toBeGreaterThan(3);
    expect(problems.join('\n')).not.toContain(secret);
  });

  it('prints nowhere in the loaded tree', async () => {
    const config = await folder.load(
      `general_settings: {master_key: ${secret}-0123456789, database_url: "postgresql://u:${secret}@h/d"}
credential_list: [{credential_name: c, credential_values: {api_key: ${secret}, vertex_credentials: {a: [${secret}]}}}]
model_list: [{model_name: m, litellm_params: {model: x, litellm_credential_name: c, extra_headers: {Authorization: ${secret}}}}]
`,
      { REDIS_URL: `redis://:${secret}@h`, OPENAI_API_KEY: secret },
    );
    expect(JSON.stringify(config)).not.toContain(secret);
    expect((config.models[0]?.params['api_key'] as Secret | undefined)?.reveal()).toBe(secret);
    expect(config.stores.redisUrl?.reveal()).toContain(secret);
    expect(secretsOf(config)).toEqual(
      expect.arrayContaining([secret, `${secret}-0123456789`, `redis://:${secret}@h`]),
    );
  });
});
