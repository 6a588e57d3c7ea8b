import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigFolder } from './config-folder.harness.js';
import type { SettingSource } from './config.js';
import { type Config, readStoredModel } from './index.js';
import type { SettingOverride } from './setting-overrides.js';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => folder.remove());

const sourceOf = (config: Config): SettingSource => {
  if (!config.source) throw new Error('a configuration without a source');
  return config.source;
};
const general = (field: string, value: unknown): SettingOverride => ({
  section: 'general_settings',
  field,
  value,
});

describe('settings of the database', () => {
  it('count where the file says nothing, and only there', async () => {
    const config = await folder.load('general_settings: {allowed_ips: [10.0.0.0/8]}');
    const source = sourceOf(config);
    const { tree, problems } = source.withOverrides([
      general('allowed_ips', ['0.0.0.0/0']),
      general('enforce_user_param', true),
    ]);
    expect(problems).toEqual([]);
    expect(tree.network.allowedIps).toEqual(['10.0.0.0/8']);
    expect(tree.calls.enforceUserParam).toBe(true);
    expect(source.owns('general_settings', 'allowed_ips')).toBe(true);
  });

  /** An administrator's key that leaked must not be able to make itself permanent, or to move the product to another database. */
  it.each([
    ['general_settings', 'master_key', 'sk-attacker-attacker-attacker'],
    ['general_settings', 'database_url', 'postgresql://evil/db'],
    ['general_settings', 'trusted_proxy_ranges', ['0.0.0.0/0']],
    ['general_settings', 'enable_oauth2_auth', true],
    ['environment_variables', 'LITELLM_MASTER_KEY', 'sk-attacker-attacker-attacker'],
    ['environment_variables', 'DATABASE_URL', 'postgresql://evil/db'],
    ['environment_variables', 'DISABLE_ADMIN_ENDPOINTS', 'true'],
  ] as const)('never reach %s.%s', async (section, field, value) => {
    const source = sourceOf(await folder.load('model_list: []'));
    const { tree } = source.withOverrides([{ section, field, value }]);
    expect(tree.auth.masterKey).toBeUndefined();
    expect(tree.stores.databaseUrl).toBeUndefined();
    expect(tree.network.trustedProxyRanges).toEqual([]);
    expect(tree.server.disableAdminEndpoints).toBe(false);
  });

  it('are refused by name when their type is wrong, and told when they do nothing', async () => {
    const source = sourceOf(await folder.load('model_list: []'));
    expect(source.withOverrides([general('allowed_ips', ['nonsense'])]).problems).toEqual([
      expect.objectContaining({ path: 'general_settings.allowed_ips.0' }),
    ]);
    expect(source.withOverrides([general('nonesuch', 1)]).ignored).toEqual(['general_settings.nonesuch']);
  });

  it('reach a running process part by part, and leave what needs a restart alone', async () => {
    const config = await folder.load('model_list: []', { LITELLM_MASTER_KEY: 'sk-5f2d8c1b9a7e4430b6d1' });
    const masterKey = config.auth.masterKey;
    const parts = sourceOf(config).liveParts(
      [
        { section: 'router_settings', field: 'num_retries', value: 7 },
        { section: 'litellm_settings', field: 'rpm', value: 1 },
        { section: 'general_settings', field: 'admin_only_routes', value: ['/x'] },
      ],
      config,
    );
    if (!parts) throw new Error('refused');
    config.apply(parts);
    expect(config.router.numRetries).toBe(7);
    expect(config.auth.adminOnlyRoutes).toEqual(['/x']);
    expect(config.auth.masterKey).toBe(masterKey);
    expect(config.limits.requestsPerMinute).toBeUndefined();
  });
});

describe('a model of the database', () => {
  const model = (params: Record<string, unknown>, info: Record<string, unknown> = {}) => ({
    model_name: 'm',
    litellm_params: { model: 'openai/gpt-4o', ...params },
    model_info: info,
  });
  const environment = (name: string): string | undefined =>
    ({ OPENAI_KEY: 'sk-of-the-environment', LITELLM_MASTER_KEY: 'sk-master' })[name];

  it('names variables and stored credentials, as one of the file does', () => {
    const credentials = new Map([['shared', { values: { api_key: 'sk-shared' }, info: {} }]]);
    const read = (params: Record<string, unknown>) =>
      readStoredModel(model(params), credentials, environment).entry?.params['api_key'];
    expect(String((read({ api_key: 'os.environ/OPENAI_KEY' }) as { reveal(): string }).reveal())).toBe(
      'sk-of-the-environment',
    );
    expect((read({ litellm_credential_name: 'shared' }) as { reveal(): string }).reveal()).toBe('sk-shared');
  });

  /** Attack: a model whose key is the proxy's own master key, sent to an address of the attacker's choice. */
  it('never names what the product itself lives on', () => {
    const { problems, entry } = readStoredModel(
      model({ api_key: 'os.environ/LITELLM_MASTER_KEY' }),
      new Map(),
      environment,
    );
    expect(problems).toHaveLength(1);
    expect(entry?.params['api_key']).toBeUndefined();
  });

  /** Attack: a team's administrator points a model at his own server and has the company's key sent there. */
  it('uses nothing of the proxy when it may not', () => {
    const credentials = new Map([['shared', { values: { api_key: 'sk-shared' }, info: {} }]]);
    expect(
      readStoredModel(model({ api_key: 'os.environ/OPENAI_KEY' }), credentials, undefined).problems,
    ).toHaveLength(1);
    expect(
      readStoredModel(model({ litellm_credential_name: 'shared' }), credentials, undefined).problems,
    ).toHaveLength(1);
    expect(readStoredModel(model({ api_key: 'own' }), credentials, undefined).entry?.usesEnvironment).toBe(
      false,
    );
  });

  it('is refused by the name of what is wrong, without its value', () => {
    const { problems } = readStoredModel(model({ rpm: 'sk-many' }), new Map(), environment);
    expect(problems).toEqual([expect.objectContaining({ path: 'litellm_params.rpm' })]);
    expect(JSON.stringify(problems)).not.toContain('sk-many');
  });

  it('belongs to a team under the name its members use', () => {
    const { entry } = readStoredModel(
      model({}, { team_id: 't1', team_public_model_name: 'ours' }),
      new Map(),
      environment,
    );
    expect(entry).toMatchObject({ modelName: 'ours', teamId: 't1' });
  });
});
