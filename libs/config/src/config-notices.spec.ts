import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigFolder } from './config-folder.harness.js';
import { checkConfig } from './index.js';

let folder: ConfigFolder;
beforeEach(() => {
  folder = new ConfigFolder();
});
afterEach(() => folder.remove());

describe('settings that do nothing', () => {
  it.each([
    ['general_settings: {alowed_route: [/x]}', undefined],
    [
      'litellm_settings: {drop_param: true}',
      'unknown litellm_settings.drop_param: This setting is not known and does nothing. Did you mean `drop_params`?',
    ],
    [
      'litellm_settings: {database_connection_pool_limit: 5}',
      'unknown litellm_settings.database_connection_pool_limit: This setting is not known and does nothing. It belongs into general_settings.',
    ],
    [
      'model_lst: []',
      'unknown model_lst: This section is not known and does nothing. Did you mean `model_list`?',
    ],
    ['zebra: 1', 'unknown zebra: This section is not known and does nothing.'],
    [
      'litellm_settings: {cache: true}',
      'unsupported litellm_settings.cache: Response caching: not there yet; this setting does nothing.',
    ],
    [
      'litellm_settings: {success_callback: [langfuse]}',
      'unsupported litellm_settings.success_callback.0: The callback langfuse is not there yet; nothing is sent to it.',
    ],
    [
      'model_list: [{model_name: m, litellm_params: {model: bedrock/x}}]',
      'unsupported model_list.0.litellm_params.model: The provider bedrock is not there yet; calls to m are refused.',
    ],
    [
      'model_list: [{model_name: m, litellm_params: {model: x, api_bse: y}}]',
      'unknown model_list.0.litellm_params.api_bse: This parameter is not known and is sent to the provider as it is. Did you mean `api_base`?',
    ],
    [
      'model_list: [{model_name: m}]',
      'notice model_list.0.litellm_params: the model m has no litellm_params.model and is left out',
    ],
  ])('are told with the nearest name: %s', async (yaml, expected) => {
    if (expected === undefined)
      expect((await folder.problemsOf(yaml)).join()).toContain('Did you mean `allowed_routes`?');
    else expect(await folder.noticesOf(yaml)).toContain(expected);
  });

  it('are not worth a word when they are off', async () => {
    expect(
      await folder.noticesOf(
        'general_settings: {enable_jwt_auth: false, custom_auth: }\nguardrails: []\nlitellm_settings: {cache: False, callbacks: []}',
      ),
    ).toEqual([]);
  });
});

describe('starting without a guard that was asked for', () => {
  it.each([
    ['general_settings: {custom_auth: my_auth.check}', 'general_settings.custom_auth'],
    ['guardrails: [{guardrail_name: g}]', 'guardrails'],
    ['litellm_settings: {guardrails: [{x: {}}]}', 'litellm_settings.guardrails'],
    ['litellm_settings: {callbacks: [presidio]}', 'litellm_settings.callbacks.0'],
    ['litellm_settings: {callbacks: my_module.handler}', 'litellm_settings.callbacks.0'],
    [
      'model_list: [{model_name: m, litellm_params: {model: x}, model_info: {access_windows: [{team_id: t}]}}]',
      'model_list.0.model_info.access_windows',
    ],
    ['general_settings: {allowed_ip: [10.0.0.1]}', 'general_settings.allowed_ip'],
    ['litellm_settings: {allowed_ips: [10.0.0.1]}', 'litellm_settings.allowed_ips'],
    ['allowed_ips: [10.0.0.1]', 'allowed_ips'],
    ['general_setings: {allowed_ips: [10.0.0.1]}', 'general_setings'],
    ['guardrail: [{guardrail_name: g}]', 'guardrail'],
  ])('is refused: %s', async (yaml, path) => {
    const problems = await folder.problemsOf(yaml);
    expect(problems.map((problem) => problem.split(': ')[0])).toEqual([path]);
    expect(checkConfig(join(folder.path, 'config.yaml'), { env: {}, cwd: folder.path }).wouldStart).toBe(
      false,
    );
  });

  it('is refused for unknown members where a misspelling decides who gets in', async () => {
    folder.put(
      'config.yaml',
      'general_settings: {litellm_jwtauth: {team_id_jwt_feild: x, issuers: [{issuer: a, audiance: b}]}, role_permissions: [{role: team, model: [x]}]}',
    );
    const { errors } = checkConfig(join(folder.path, 'config.yaml'), { env: {}, cwd: folder.path });
    expect(errors.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'general_settings.litellm_jwtauth.team_id_jwt_feild: this setting is not known here; did you mean `team_id_jwt_field`?',
      'general_settings.litellm_jwtauth.issuers.0.audiance: this setting is not known here',
      'general_settings.role_permissions.0.model: this setting is not known here',
    ]);
  });
});

describe('files as people have them', () => {
  it.each([
    [
      'search tools',
      'search_tools: [{search_tool_name: s, litellm_params: {search_provider: p}}]',
      ['search_tools'],
    ],
    [
      'sandboxes',
      'sandbox_tools: [{sandbox_tool_name: s}]\nlitellm_settings: {code_interpreter_interception_params: {a: 1}}',
      ['sandbox_tools', 'litellm_settings.code_interpreter_interception_params'],
    ],
    [
      'MCP servers',
      'mcp_servers: {w: {transport: stdio, command: x}}\ngeneral_settings: {store_model_in_db: false}',
      ['mcp_servers'],
    ],
    [
      'batches and files',
      'files_settings: [{api_key: k}]\nfinetune_settings: [{api_key: k}]',
      ['files_settings', 'finetune_settings'],
    ],
    ['tracing', 'general_settings: {otel: True}', ['general_settings.otel']],
    [
      'pass-through',
      'general_settings: {pass_through_endpoints: [{path: /a, target: os.environ/NOBODY_SET_THIS}]}',
      [],
    ],
    [
      'an adaptive router',
      'model_list: [{model_name: r, litellm_params: {model: auto_router/x, adaptive_router_config: {a: 1}}}]',
      ['model_list.0.litellm_params.adaptive_router_config', 'model_list.0.litellm_params.model'],
    ],
    [
      'Redis for spend',
      'general_settings: {use_redis_transaction_buffer: true, coordination_redis: {host: h, port: 1}}',
      ['general_settings.use_redis_transaction_buffer'],
    ],
    ['empty variables', 'environment_variables: {REDIS_HOST: localhost, REDIS_PASSWORD: , REDIS_PORT: }', []],
    [
      'tags and wildcards',
      'model_list: [{model_name: "*", litellm_params: {model: openai/*, tags: [a]}, model_info: {id: x}}]\nrouter_settings: {enable_tag_filtering: True}',
      [],
    ],
  ])('load and say what is not there yet: %s', async (_what, yaml, paths) => {
    const { notices } = await folder.load(yaml);
    expect(
      notices
        .filter(({ level }) => level !== 'notice')
        .map(({ path }) => path)
        .sort(),
    ).toEqual([...paths].sort());
  });
});
