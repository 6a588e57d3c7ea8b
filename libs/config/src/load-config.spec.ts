import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '#libs/kernel';
import { checkConfig, type Config, ConfigError, loadConfig } from './index.js';

const STRONG = 'sk-5f2d8c1b9a7e4430b6d1';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
const load = (yaml: string, env: Record<string, string> = {}): Promise<Config> => {
  put('config.yaml', yaml);
  return loadConfig({ flags: { config: 'config.yaml' }, env, cwd: folder });
};
const problemsOf = async (yaml: string, env: Record<string, string> = {}): Promise<string[]> => {
  try {
    await load(yaml, env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
};
const noticesOf = async (yaml: string, env: Record<string, string> = {}): Promise<string[]> =>
  (await load(yaml, env)).notices.map(({ level, path, message }) => `${level} ${path}: ${message}`);

describe('without a configuration file', () => {
  it('starts on a local model with a price, on this machine only', async () => {
    const config = await loadConfig({ env: {}, cwd: folder });
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 4000, dataDir: join(folder, '.tollgate'), production: false, rootPath: '' });
    expect(config.models.map(({ modelName }) => modelName)).toEqual(['demo']);
    expect(config.models[0]?.params).toMatchObject({ mock_response: expect.any(String), input_cost_per_token: expect.any(Number) });
    expect(config.auth.masterKeySource).toBe('none');
    expect(config.notices).toEqual([]);
    expect(Object.isFrozen(config) && Object.isFrozen(config.models[0]?.params) && Object.isFrozen(config.server)).toBe(true);
  });
});

describe('where a setting comes from', () => {
  it('is flag, then environment, then .env of the folder, then .env beside the file, then the file, then the default', async () => {
    put('.env', 'PORT=2001\nHOST=10.0.0.1\n');
    put('conf/.env', 'HOST=10.0.0.2\nLITELLM_MASTER_KEY=sk-from-dotenv-beside-file\nLOG_FILE=/tmp/x.log\n');
    put('conf/c.yaml', 'environment_variables: {LOG_FILE: /never, SERVER_ROOT_PATH: gate}\ngeneral_settings: {master_key: sk-in-the-file-0123456789}\n');
    const sources = { env: { CONFIG_FILE_PATH: 'conf/c.yaml', PORT: '2000' }, cwd: folder };
    const config = await loadConfig(sources);
    expect(config.server).toMatchObject({ port: 2000, host: '10.0.0.1', rootPath: '/gate', configFile: join(folder, 'conf/c.yaml') });
    expect(config.auth.masterKey?.reveal()).toBe('sk-from-dotenv-beside-file');
    expect(config.logging.file).toBe('/tmp/x.log');
    expect((await loadConfig({ ...sources, flags: { port: '3000', host: '::1' } })).server).toMatchObject({ port: 3000, host: '::1' });
  });

  it('warns when others can read .env', async () => {
    put('.env', 'PORT=2001\n', 0o644);
    const { notices } = await loadConfig({ env: {}, cwd: folder });
    expect(notices[0]?.message).toContain('chmod 600');
  });

  it('treats an empty variable as not set', async () => {
    expect((await loadConfig({ env: { PORT: '', REDIS_URL: ' ', LITELLM_MASTER_KEY: '' }, cwd: folder })).server.port).toBe(4000);
  });
});

describe('references to the environment', () => {
  it('are resolved at any depth; a missing one leaves the setting out and is told', async () => {
    const config = await load(
      `model_list:
  - {model_name: m, litellm_params: {model: openai/m, api_key: os.environ/K, extra_headers: {x: [{deep: os.environ/D}]}, rpm: os.environ/RPM, api_base: os.environ/NONE}}
litellm_settings: {drop_params: os.environ/DROP}
`,
      { K: 'sk-provider', D: 'deep', RPM: '100', DROP: 'True' },
    );
    const params = config.models[0]?.params ?? {};
    expect(params['api_key']).toBeInstanceOf(Secret);
    expect(params).toMatchObject({ extra_headers: { x: [{ deep: 'deep' }] }, rpm: 100 });
    expect(params).not.toHaveProperty('api_base');
    expect(config.calls.dropParams).toBe(true);
    expect(config.notices.map(({ path }) => path)).toContain('model_list.0.litellm_params.api_base');
  });

  /** The attack: an allow-list whose variable is not set would let everybody in. */
  it('must resolve where the setting restricts access', async () => {
    const problems = await problemsOf('general_settings: {allowed_ips: [10.0.0.0/8, os.environ/OFFICE]}');
    expect(problems).toEqual(['general_settings.allowed_ips.1: this setting restricts access and the variable it names is not set']);
  });

  it('may come from environment_variables, which cannot steer the process', async () => {
    const config = await load('environment_variables: {K: abc, EMPTY: }\nmodel_list: [{model_name: m, litellm_params: {model: a/b, organization: os.environ/K}}]');
    expect(config.models[0]?.params['organization']).toBe('abc');
    expect(config.environment?.('K')).toBe('abc');
    const problems = await problemsOf('environment_variables: {PATH: /x, LD_PRELOAD: x, NODE_OPTIONS: x, pythonpath: x, FINE: [x]}');
    expect(problems).toHaveLength(5);
  });
});

describe('wrong types', () => {
  it.each([
    ['general_settings: {allowed_ips: [5]}', 'general_settings.allowed_ips.0: expected string, got number'],
    ['general_settings: {allowed_ips: ["10.0.0.0/99"]}', 'general_settings.allowed_ips.0: expected an IP address or a range'],
    ['general_settings: [1]', 'general_settings: expected settings (a mapping), got list'],
    ['general_settings: {master_key: 12345}', 'general_settings.master_key: expected string, got number'],
    ['general_settings: {enforce_user_param: maybe}', 'general_settings.enforce_user_param: expected boolean, got string'],
    ['litellm_settings: {rpm: -1}', 'litellm_settings.rpm: expected at least 0'],
    ['litellm_settings: {rpm: .nan}', 'litellm_settings.rpm: expected number, got NaN'],
    ['litellm_settings: {tpm: 1.5}', 'litellm_settings.tpm: expected a whole number, got a fraction'],
    ['litellm_settings: {max_budget: .inf, budget_duration: 30d}', 'litellm_settings.max_budget: expected number, got Infinity'],
    ['litellm_settings: {max_budget: -5, budget_duration: 30d}', 'litellm_settings.max_budget: expected at least 0'],
    ['litellm_settings: {max_budget: 5}', 'litellm_settings.budget_duration: expected a duration'],
    ['litellm_settings: {max_budget: 5, budget_duration: 0d}', 'litellm_settings.budget_duration: expected a duration'],
    ['litellm_settings: {timezone: Mars/Olympus}', 'litellm_settings.timezone: expected a time zone'],
    ['litellm_settings: {budget_reset_time: "25:00"}', 'litellm_settings.budget_reset_time: expected a time of day'],
    ['litellm_settings: {budget_exceeded_status_code: 200}', 'litellm_settings.budget_exceeded_status_code: expected at least 400'],
    ['litellm_settings: {fallbacks: [{a: b}]}', 'litellm_settings.fallbacks.0.a: expected array, got string'],
    ['router_settings: {routing_strategy: fastest}', 'router_settings.routing_strategy: expected one of simple-shuffle'],
    ['model_list: {a: b}', 'model_list: expected a list of models, got mapping'],
    ['model_list: [{litellm_params: {model: x}}]', 'model_list.0.model_name: expected string, got nothing'],
    ['model_list: [{model_name: m, litellm_params: {model: x, rpm: -1}}]', 'model_list.0.litellm_params.rpm: expected at least 0'],
    ['model_list: [{model_name: m, litellm_params: {model: x, input_cost_per_token: .nan}}]', 'model_list.0.litellm_params.input_cost_per_token: expected number, got NaN'],
    ['model_list: [{model_name: m, litellm_params: {model: x, cache_read_input_token_cost: -1}}]', 'model_list.0.litellm_params.cache_read_input_token_cost: expected at least 0'],
    ['model_list: [{model_name: m, litellm_params: {model: x, litellm_credential_name: c}}]', 'model_list.0.litellm_params.litellm_credential_name: no entry'],
    ['general_settings: {database_url: "mysql://x"}', 'general_settings.database_url: expected a URL that starts with postgresql://'],
    ['- a', 'config.yaml: expected sections'],
  ])('%s', async (yaml, expected) => {
    const problems = await problemsOf(yaml);
    expect(problems.join('\n')).toContain(expected);
  });

  it('are all told at once', async () => {
    expect(await problemsOf('general_settings: {master_key: 1, allowed_ips: [5, x]}\nlitellm_settings: {rpm: x}\nmodel_list: [3]', { PORT: 'x', REDIS_PORT: '99999' })).toHaveLength(7);
  });

  it('name file, line and column in broken YAML', async () => {
    expect(await problemsOf('general_settings:\n  a: 1\n  a: 2\n')).toEqual(['config.yaml:3:3: this name stands here twice; only one of them can count']);
    expect((await problemsOf('a: [1\nb: 2')).join()).toMatch(/^config\.yaml:\d+:\d+: /);
    expect(await problemsOf(`a: &a [x]\n${'b: *nothing'}`)).toHaveLength(1);
  });

  it('name a file that is not there', async () => {
    await expect(loadConfig({ flags: { config: 'none.yaml' }, env: {}, cwd: folder })).rejects.toThrow('none.yaml: the file cannot be read (ENOENT)');
  });
});

/** The attack: a configuration error lands in a ticket, with the key in it. */
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
    const problems = await problemsOf(yaml, { PORT: secret, REDIS_URL: secret, LITELLM_LOG: secret, DISABLE_ADMIN_ENDPOINTS: secret });
    expect(problems.length).toBeGreaterThan(3);
    expect(problems.join('\n')).not.toContain(secret);
  });

  it('prints nowhere in the loaded tree', async () => {
    const config = await load(
      `general_settings: {master_key: ${secret}-0123456789, database_url: "postgresql://u:${secret}@h/d"}
credential_list: [{credential_name: c, credential_values: {api_key: ${secret}, vertex_credentials: {a: [${secret}]}}}]
model_list: [{model_name: m, litellm_params: {model: x, litellm_credential_name: c, extra_headers: {Authorization: ${secret}}}}]
`,
      { REDIS_URL: `redis://:${secret}@h`, OPENAI_API_KEY: secret },
    );
    expect(JSON.stringify(config)).not.toContain(secret);
    expect((config.models[0]?.params['api_key'] as Secret).reveal()).toBe(secret);
    expect(config.stores.redisUrl?.reveal()).toContain(secret);
  });
});

describe('settings that do nothing', () => {
  it.each([
    ['general_settings: {alowed_route: [/x]}', undefined],
    ['litellm_settings: {drop_param: true}', 'unknown litellm_settings.drop_param: This setting is not known and does nothing. Did you mean `drop_params`?'],
    ['litellm_settings: {database_connection_pool_limit: 5}', 'unknown litellm_settings.database_connection_pool_limit: This setting is not known and does nothing. It belongs into general_settings.'],
    ['model_lst: []', 'unknown model_lst: This section is not known and does nothing. Did you mean `model_list`?'],
    ['zebra: 1', 'unknown zebra: This section is not known and does nothing.'],
    ['litellm_settings: {cache: true}', 'unsupported litellm_settings.cache: Response caching: not there yet; this setting does nothing.'],
    ['litellm_settings: {success_callback: [langfuse]}', 'unsupported litellm_settings.success_callback.0: The callback langfuse is not there yet; nothing is sent to it.'],
    ['model_list: [{model_name: m, litellm_params: {model: bedrock/x}}]', 'unsupported model_list.0.litellm_params.model: The provider bedrock is not there yet; calls to m are refused.'],
    ['model_list: [{model_name: m, litellm_params: {model: x, api_bse: y}}]', 'unknown model_list.0.litellm_params.api_bse: This parameter is not known and is sent to the provider as it is. Did you mean `api_base`?'],
    ['model_list: [{model_name: m}]', 'notice model_list.0.litellm_params: the model m has no litellm_params.model and is left out'],
  ])('are told with the nearest name: %s', async (yaml, expected) => {
    if (expected === undefined) expect((await problemsOf(yaml)).join()).toContain('Did you mean `allowed_routes`?');
    else expect(await noticesOf(yaml)).toContain(expected);
  });

  it('are not worth a word when they are off', async () => {
    expect(await noticesOf('general_settings: {enable_jwt_auth: false, custom_auth: }\nguardrails: []\nlitellm_settings: {cache: False, callbacks: []}')).toEqual([]);
  });
});

/** The attack: the operator believes a guard is on, and the gateway started without it. */
describe('starting without a guard that was asked for', () => {
  it.each([
    ['general_settings: {custom_auth: my_auth.check}', 'general_settings.custom_auth'],
    ['general_settings: {enable_jwt_auth: True}', 'general_settings.enable_jwt_auth'],
    ['general_settings: {enable_oauth2_auth: true}', 'general_settings.enable_oauth2_auth'],
    ['general_settings: {enable_oauth2_proxy_auth: "true"}', 'general_settings.enable_oauth2_proxy_auth'],
    ['guardrails: [{guardrail_name: g}]', 'guardrails'],
    ['litellm_settings: {guardrails: [{x: {}}]}', 'litellm_settings.guardrails'],
    ['litellm_settings: {callbacks: [presidio]}', 'litellm_settings.callbacks.0'],
    ['litellm_settings: {callbacks: my_module.handler}', 'litellm_settings.callbacks.0'],
    ['model_list: [{model_name: m, litellm_params: {model: x}, model_info: {team_id: t}}]', 'model_list.0.model_info.team_id'],
    ['general_settings: {allowed_ip: [10.0.0.1]}', 'general_settings.allowed_ip'],
    ['litellm_settings: {allowed_ips: [10.0.0.1]}', 'litellm_settings.allowed_ips'],
    ['allowed_ips: [10.0.0.1]', 'allowed_ips'],
    ['general_setings: {allowed_ips: [10.0.0.1]}', 'general_setings'],
    ['guardrail: [{guardrail_name: g}]', 'guardrail'],
  ])('is refused: %s', async (yaml, path) => {
    const problems = await problemsOf(yaml);
    expect(problems.map((problem) => problem.split(': ')[0])).toEqual([path]);
    expect(checkConfig(join(folder, 'config.yaml'), { env: {}, cwd: folder }).wouldStart).toBe(false);
  });

  it('is refused for unknown members where a misspelling decides who gets in', async () => {
    put('config.yaml', 'general_settings: {litellm_jwtauth: {team_id_jwt_feild: x, issuers: [{issuer: a, audiance: b}]}, role_permissions: [{role: team, model: [x]}]}');
    const { errors } = checkConfig(join(folder, 'config.yaml'), { env: {}, cwd: folder });
    expect(errors.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'general_settings.litellm_jwtauth.team_id_jwt_feild: this setting is not known here; did you mean `team_id_jwt_field`?',
      'general_settings.litellm_jwtauth.issuers.0.audiance: this setting is not known here',
      'general_settings.role_permissions.0.model: this setting is not known here',
    ]);
  });
});

describe('files as people have them', () => {
  it.each([
    ['search tools', 'search_tools: [{search_tool_name: s, litellm_params: {search_provider: p}}]', ['search_tools']],
    ['sandboxes', 'sandbox_tools: [{sandbox_tool_name: s}]\nlitellm_settings: {code_interpreter_interception_params: {a: 1}}', ['sandbox_tools', 'litellm_settings.code_interpreter_interception_params']],
    ['MCP servers', 'mcp_servers: {w: {transport: stdio, command: x}}\ngeneral_settings: {store_model_in_db: false}', ['mcp_servers']],
    ['batches and files', 'files_settings: [{api_key: k}]\nfinetune_settings: [{api_key: k}]', ['files_settings', 'finetune_settings']],
    ['tracing', 'general_settings: {otel: True}', ['general_settings.otel']],
    ['pass-through', 'general_settings: {pass_through_endpoints: [{path: /a, target: b}]}', ['general_settings.pass_through_endpoints']],
    ['an adaptive router', 'model_list: [{model_name: r, litellm_params: {model: auto_router/x, adaptive_router_config: {a: 1}}}]', ['model_list.0.litellm_params.adaptive_router_config', 'model_list.0.litellm_params.model']],
    ['Redis for spend', 'general_settings: {use_redis_transaction_buffer: true, coordination_redis: {host: h, port: 1}}', ['general_settings.use_redis_transaction_buffer']],
    ['empty variables', 'environment_variables: {REDIS_HOST: localhost, REDIS_PASSWORD: , REDIS_PORT: }', []],
    ['tags and wildcards', 'model_list: [{model_name: "*", litellm_params: {model: openai/*, tags: [a]}, model_info: {id: x}}]\nrouter_settings: {enable_tag_filtering: True}', []],
  ])('load and say what is not there yet: %s', async (_what, yaml, paths) => {
    const { notices } = await load(yaml);
    expect(notices.filter(({ level }) => level !== 'notice').map(({ path }) => path).sort()).toEqual([...paths].sort());
  });
});

describe('include', () => {
  it('appends lists, replaces other values, follows paths from the declaring file and survives a cycle', async () => {
    put('more/models.yaml', 'include: [deep.yaml, ../config.yaml]\nmodel_list: [{model_name: b, litellm_params: {model: x}}]\nlitellm_settings: {rpm: 7}\n');
    put('more/deep.yaml', 'model_list: [{model_name: c, litellm_params: {model: x}}]\n');
    const config = await load('include: [more/models.yaml]\nmodel_list: [{model_name: a, litellm_params: {model: x}}]\nlitellm_settings: {tpm: 5}\n');
    expect(config.models.map(({ modelName }) => modelName)).toEqual(['a', 'b', 'c']);
    expect(config.limits).toMatchObject({ requestsPerMinute: 7 });
    expect(config.limits).not.toHaveProperty('tokensPerMinute');
    expect(config.notices.some(({ message }) => message.includes('more than once'))).toBe(true);
    expect(checkConfig(join(folder, 'config.yaml'), { env: {}, cwd: folder }).files).toHaveLength(3);
  });

  it('names a file that is missing', async () => {
    expect(await problemsOf('include: [none.yaml, 5]')).toEqual(['include.1: expected the path of a file', 'none.yaml: the file cannot be read (ENOENT)']);
  });
});

describe('the master key', () => {
  it('is refused when weak in production, unless that is said to be meant', async () => {
    const yaml = 'general_settings: {master_key: os.environ/MK}';
    expect((await load(yaml, { MK: 'sk-1234' })).auth).toMatchObject({ masterKeySource: 'environment', masterKeyWeakness: expect.any(String) });
    expect((await problemsOf(yaml, { MK: 'sk-1234', NODE_ENV: 'production' })).join()).toContain('too weak for production');
    expect(await problemsOf(yaml, { MK: STRONG, NODE_ENV: 'production' })).toEqual([]);
    expect(await problemsOf(yaml, { MK: 'sk-1234', NODE_ENV: 'production', LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true' })).toEqual([]);
    expect(await problemsOf('general_settings: {master_key: sk-1234, dangerously_permit_weak_or_unset_master_key: true}', { NODE_ENV: 'production' })).toEqual([]);
  });

  it('is pointed out when it stands in the file', async () => {
    const config = await load(`general_settings: {master_key: ${STRONG}}`);
    expect(config.auth.masterKeySource).toBe('file');
    expect(config.notices.map(({ path }) => path)).toEqual(['general_settings.master_key']);
  });
});

describe('spellings of the guides', () => {
  it('reach the tree', async () => {
    const config = await load(`
general_settings:
  log_level: "INFO"
  json_logs: true
  cors_origin: [https://a.example]
  allowed_ips: ["127.0.0.1", "10.0.0.0/8"]
  database_url: "sqlite:///litellm.db"
  use_x_forwarded_for: true
  anonymize_logs: true
litellm_settings: {set_verbose: true, rpm: 1000, tpm: 100_000, max_tokens: 4000, drop_params: True, max_budget: 12.5, budget_duration: 30d, budget_reset_time: 12:30}
router_settings: {num_retries: 0, cooldown_time: 0.5, model_group_alias: {a: b, c: {model: d, hidden: true}}, fallbacks: [{a: [b]}, {c: [d, e]}]}
`);
    expect(config.logging).toEqual({ level: 'debug', json: true, anonymize: true });
    expect(config.server).toMatchObject({ corsOrigins: ['https://a.example'], corsAllowCredentials: true });
    expect(config.network).toEqual({ allowedIps: ['127.0.0.1', '10.0.0.0/8'], trustedProxyRanges: [] });
    expect(config.stores).toMatchObject({ sqliteMirror: join(folder, 'litellm.db') });
    expect(config.stores.databaseUrl).toBeUndefined();
    expect(config.limits).toMatchObject({ requestsPerMinute: 1000, tokensPerMinute: 100_000 });
    expect(config.calls).toMatchObject({ maxTokens: 4000, dropParams: true });
    expect(config.budgets).toMatchObject({ proxyCapNanoUsd: 12_500_000_000n, proxyDuration: '30d', resetTime: '12:30', exceededStatus: 422 });
    expect(config.router).toMatchObject({ numRetries: 0, cooldownMs: 500, fallbacks: { a: ['b'], c: ['d', 'e'] }, modelGroupAlias: { a: { model: 'b', hidden: false }, c: { model: 'd', hidden: true } } });
  });

  it('leaves dates and plain versions of an API as text', async () => {
    const config = await load('model_list: [{model_name: m, rpm: 3, litellm_params: {model: azure/x, api_base: "https://x", api_version: 2024-02-01}}]');
    expect(config.models[0]?.params).toMatchObject({ api_version: '2024-02-01', rpm: 3 });
  });

  it('lets the environment win over database_url with one notice, and keeps sslmode', async () => {
    const config = await load('general_settings: {database_url: "postgresql://a/b"}', { DATABASE_URL: 'postgresql://u:p@h/d?sslmode=require' });
    expect(config.stores.databaseUrl?.reveal()).toBe('postgresql://u:p@h/d?sslmode=require');
    expect(config.notices).toHaveLength(1);
  });

  it('finds Redis in parts', async () => {
    const yaml = 'general_settings: {coordination_redis: {host: os.environ/REDIS_HOST, port: os.environ/REDIS_PORT, password: os.environ/REDIS_PASSWORD}}';
    const config = await load(yaml, { REDIS_HOST: 'cache', REDIS_PORT: '6380', REDIS_PASSWORD: 'p@ss' });
    expect(config.stores.redisUrl?.reveal()).toBe('redis://:p%40ss@cache:6380');
  });
});
