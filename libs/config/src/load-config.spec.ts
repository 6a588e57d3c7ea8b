import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '#libs/kernel';
import { ConfigFolder } from './config-folder.harness.js';
import { checkConfig, loadConfig } from './index.js';

const STRONG = 'sk-5f2d8c1b9a7e4430b6d1';
let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => folder.remove());

describe('without a configuration file', () => {
  it('starts on a local model with a price, on this machine only', async () => {
    const config = await loadConfig({ env: {}, cwd: folder.path });
    expect(config.server).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      dataDir: join(folder.path, '.tollgate'),
      production: false,
      rootPath: '',
    });
    expect(config.models.map(({ modelName }) => modelName)).toEqual(['demo']);
    expect(config.models[0]?.params).toMatchObject({
      mock_response: expect.any(String),
      input_cost_per_token: expect.any(Number),
    });
    expect(config.auth.masterKeySource).toBe('none');
    expect(config.notices).toEqual([]);
    expect(
      Object.isFrozen(config.server) &&
        Object.isFrozen(config.models[0]?.params) &&
        Object.isFrozen(config.server),
    ).toBe(true);
  });
});

describe('where a setting comes from', () => {
  it('is flag, then environment, then .env of the folder, then .env beside the file, then the file, then the default', async () => {
    folder.put('.env', 'PORT=2001\nHOST=10.0.0.1\n');
    folder.put(
      'conf/.env',
      'HOST=10.0.0.2\nLITELLM_MASTER_KEY=sk-from-dotenv-beside-file\nLOG_FILE=/tmp/x.log\n',
    );
    folder.put(
      'conf/c.yaml',
      'environment_variables: {LOG_FILE: /never, SERVER_ROOT_PATH: gate}\ngeneral_settings: {master_key: sk-in-the-file-0123456789}\n',
    );
    const sources = { env: { CONFIG_FILE_PATH: 'conf/c.yaml', PORT: '2000' }, cwd: folder.path };
    const config = await loadConfig(sources);
    expect(config.server).toMatchObject({
      port: 2000,
      host: '10.0.0.1',
      rootPath: '/gate',
      configFile: join(folder.path, 'conf/c.yaml'),
    });
    expect(config.auth.masterKey?.reveal()).toBe('sk-from-dotenv-beside-file');
    expect(config.logging.file).toBe('/tmp/x.log');
    expect((await loadConfig({ ...sources, flags: { port: '3000', host: '::1' } })).server).toMatchObject({
      port: 3000,
      host: '::1',
    });
  });

  it('warns when others can read .env', async () => {
    folder.put('.env', 'PORT=2001\n', 0o644);
    const { notices } = await loadConfig({ env: {}, cwd: folder.path });
    expect(notices[0]?.message).toContain('chmod 600');
  });

  it('treats an empty variable as not set', async () => {
    expect(
      (await loadConfig({ env: { PORT: '', REDIS_URL: ' ', LITELLM_MASTER_KEY: '' }, cwd: folder.path }))
        .server.port,
    ).toBe(4000);
  });
});

describe('references to the environment', () => {
  it('are resolved at any depth; a missing one leaves the setting out and is told', async () => {
    const config = await folder.load(
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
    const problems = await folder.problemsOf(
      'general_settings: {allowed_ips: [10.0.0.0/8, os.environ/OFFICE]}',
    );
    expect(problems).toEqual([
      'general_settings.allowed_ips.1: this setting restricts access and the variable it names is not set',
    ]);
  });

  it('may come from environment_variables, which cannot steer the process', async () => {
    const config = await folder.load(
      'environment_variables: {K: abc, EMPTY: }\nmodel_list: [{model_name: m, litellm_params: {model: a/b, organization: os.environ/K}}]',
    );
    expect(config.models[0]?.params['organization']).toBe('abc');
    expect(config.environment?.('K')).toBe('abc');
    const problems = await folder.problemsOf(
      'environment_variables: {PATH: /x, LD_PRELOAD: x, NODE_OPTIONS: x, pythonpath: x, FINE: [x]}',
    );
    expect(problems).toHaveLength(5);
  });
});

/** The attack: a configuration error lands in a ticket, with the key in it. */
/** The attack: the operator believes a guard is on, and the gateway started without it. */
describe('include', () => {
  it('appends lists, replaces other values, follows paths from the declaring file and survives a cycle', async () => {
    folder.put(
      'more/models.yaml',
      'include: [deep.yaml, ../config.yaml]\nmodel_list: [{model_name: b, litellm_params: {model: x}}]\nlitellm_settings: {rpm: 7}\n',
    );
    folder.put('more/deep.yaml', 'model_list: [{model_name: c, litellm_params: {model: x}}]\n');
    const config = await folder.load(
      'include: [more/models.yaml]\nmodel_list: [{model_name: a, litellm_params: {model: x}}]\nlitellm_settings: {tpm: 5}\n',
    );
    expect(config.models.map(({ modelName }) => modelName)).toEqual(['a', 'b', 'c']);
    expect(config.limits).toMatchObject({ requestsPerMinute: 7 });
    expect(config.limits).not.toHaveProperty('tokensPerMinute');
    expect(config.notices.some(({ message }) => message.includes('more than once'))).toBe(true);
    expect(checkConfig(join(folder.path, 'config.yaml'), { env: {}, cwd: folder.path }).files).toHaveLength(
      3,
    );
  });

  it('names a file that is missing', async () => {
    expect(await folder.problemsOf('include: [none.yaml, 5]')).toEqual([
      'include.1: expected the path of a file',
      'none.yaml: the file cannot be read (ENOENT)',
    ]);
  });
});

describe('the master key', () => {
  it('is refused when weak in production, unless that is said to be meant', async () => {
    const yaml = 'general_settings: {master_key: os.environ/MK}';
    expect((await folder.load(yaml, { MK: 'sk-1234' })).auth).toMatchObject({
      masterKeySource: 'environment',
      masterKeyWeakness: expect.any(String),
    });
    expect((await folder.problemsOf(yaml, { MK: 'sk-1234', NODE_ENV: 'production' })).join()).toContain(
      'too weak for production',
    );
    expect(await folder.problemsOf(yaml, { MK: STRONG, NODE_ENV: 'production' })).toEqual([]);
    expect(
      await folder.problemsOf(yaml, {
        MK: 'sk-1234',
        NODE_ENV: 'production',
        LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true',
      }),
    ).toEqual([]);
    expect(
      await folder.problemsOf(
        'general_settings: {master_key: sk-1234, dangerously_permit_weak_or_unset_master_key: true}',
        { NODE_ENV: 'production' },
      ),
    ).toEqual([]);
  });

  it('is pointed out when it stands in the file', async () => {
    const config = await folder.load(`general_settings: {master_key: ${STRONG}}`);
    expect(config.auth.masterKeySource).toBe('file');
    expect(config.notices.map(({ path }) => path)).toEqual(['general_settings.master_key']);
  });
});

describe('spellings of the guides', () => {
  it('reach the tree', async () => {
    const config = await folder.load(`
general_settings:
  log_level: "INFO"
  json_logs: true
  cors_origin: [https://a.example]
  allowed_ips: ["127.0.0.1", "10.0.0.0/8"]
  database_url: "sqlite:///litellm.db"
  use_x_forwarded_for: true
litellm_settings: {set_verbose: true, rpm: 1000, tpm: 100_000, max_tokens: 4000, drop_params: True, max_budget: 12.5, budget_duration: 30d, budget_reset_time: 12:30}
router_settings: {num_retries: 0, cooldown_time: 0.5, model_group_alias: {a: b, c: {model: d, hidden: true}}, fallbacks: [{a: [b]}, {c: [d, e]}]}
`);
    expect(config.logging).toEqual({ level: 'debug', json: true });
    expect(config.server).toMatchObject({ corsOrigins: ['https://a.example'], corsAllowCredentials: false });
    expect(config.network).toEqual({ allowedIps: ['127.0.0.1', '10.0.0.0/8'], trustedProxyRanges: [] });
    expect(config.stores).toMatchObject({ sqliteMirror: join(folder.path, 'litellm.db') });
    expect(config.stores.databaseUrl).toBeUndefined();
    expect(config.limits).toMatchObject({ requestsPerMinute: 1000, tokensPerMinute: 100_000 });
    expect(config.calls).toMatchObject({ maxTokens: 4000, dropParams: true });
    expect(config.budgets).toMatchObject({
      proxyCapNanoUsd: 12_500_000_000n,
      proxyDuration: '30d',
      resetTime: '12:30',
      exceededStatus: 422,
    });
    expect(config.router).toMatchObject({
      numRetries: 0,
      cooldownMs: 500,
      fallbacks: { a: ['b'], c: ['d', 'e'] },
      modelGroupAlias: { a: { model: 'b', hidden: false }, c: { model: 'd', hidden: true } },
    });
  });

  it('leaves dates and plain versions of an API as text', async () => {
    const config = await folder.load(
      'model_list: [{model_name: m, rpm: 3, litellm_params: {model: azure/x, api_base: "https://x", api_version: 2024-02-01}}]',
    );
    expect(config.models[0]?.params).toMatchObject({ api_version: '2024-02-01', rpm: 3 });
  });

  it('lets the environment win over database_url with one notice, and keeps sslmode', async () => {
    const config = await folder.load('general_settings: {database_url: "postgresql://a/b"}', {
      DATABASE_URL: 'postgresql://u:p@h/d?sslmode=require',
    });
    expect(config.stores.databaseUrl?.reveal()).toBe('postgresql://u:p@h/d?sslmode=require');
    expect(config.notices).toHaveLength(1);
  });

  it('finds Redis in parts', async () => {
    const yaml =
      'general_settings: {coordination_redis: {host: os.environ/REDIS_HOST, port: os.environ/REDIS_PORT, password: os.environ/REDIS_PASSWORD}}';
    const config = await folder.load(yaml, {
      REDIS_HOST: 'cache',
      REDIS_PORT: '6380',
      REDIS_PASSWORD: 'p@ss',
    });
    expect(config.stores.redisUrl?.reveal()).toBe('redis://:p%40ss@cache:6380');
  });

  /** The driver takes what is no number for database 0, where another deployment may count. */
  it('refuses a Redis database that is no number', async () => {
    expect((await folder.load('', { REDIS_URL: 'redis://h/3' })).stores.redisUrl?.reveal()).toBe(
      'redis://h/3',
    );
    expect(await folder.problemsOf('', { REDIS_URL: 'redis://h/tollgate' })).toEqual([
      expect.stringContaining('REDIS_URL: expected the number of a database'),
    ]);
  });
});
