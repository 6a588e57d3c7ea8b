import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GovernedProduct } from '../harness/governed-product.js';
import { findLiteLLMProblem, runLiteLLMClient } from '../harness/litellm-cli.js';

/** A machine without Python says so and has nothing to prove about it; a skipped test would look like a promise kept. */
const problem = findLiteLLMProblem();
if (problem) process.stdout.write(`LiteLLM’s command line is not tested here: ${problem}\n`);

let own: GovernedProduct;
beforeAll(async () => {
  own = await GovernedProduct.start(
    ({ url }) => ({
      model_list: [
        {
          model_name: 'm',
          litellm_params: { model: 'openai/m', api_base: `${url}/v1`, api_key: 'sk-upstream' },
        },
      ],
    }),
    { env: { LITELLM_SALT_KEY: 'a-salt-key-for-the-test-of-the-client' } },
  );
}, 240_000);
afterAll(() => own?.dispose());

/** Runs on the client's own asserts: what it prints last is `done`. */
async function expectDone(script: string): Promise<void> {
  const { product } = own;
  const done = await runLiteLLMClient(`${script}\nprint('done')`, product.url, product.masterKey);
  expect(done.output.trim().split('\n').at(-1), done.output).toBe('done');
  expect(done.exitCode).toBe(0);
}

/** Scripts of people who move from LiteLLM use its command line and its Python client. Neither is changed for us. */
describe.each(problem ? [] : ["LiteLLM's command line"])('%s', () => {
  it('manages keys', () =>
    expectDone(`
made = read('keys', 'generate', '--models', 'm', '--aliases', '{"a": "m"}', '--spend', '1', '--duration', '1h', '--key-alias', 'by-cli', '--config', '{}')
assert made['key'].startswith('sk-') and made['models'] == ['m'] and made['aliases'] == {'a': 'm'}, made
listed = read('keys', 'list', '--format', 'json', '--key-alias', 'by-cli')
assert [key['key_alias'] for key in listed['keys']] == ['by-cli'], listed
assert 'by-cli' in run('keys', 'list')
assert 'by-cli' in run('keys', 'import', '--source-base-url', os.environ['LITELLM_PROXY_URL'], '--source-api-key', os.environ['LITELLM_PROXY_API_KEY'], '--dry-run')
assert read('keys', 'delete', '--key-aliases', 'by-cli')['deleted_keys'] == ['by-cli']
assert read('keys', 'list', '--format', 'json', '--key-alias', 'by-cli')['keys'] == []
`));

  it('manages models, also by the id it sends beside the model', () =>
    expectDone(`
made = read('models', 'add', 'cli-model', '-p', 'model=openai/one', '-p', 'api_key=sk-abc', '-i', 'mode=chat')
assert made['model_name'] == 'cli-model' and 'sk-abc' not in json.dumps(made), made
assert 'cli-model' in run('models', 'list') and 'cli-model' in run('models', 'info')
run('models', 'update', made['model_id'], '-p', 'model=openai/two')
shown = read('models', 'get', '--id', made['model_id'])
assert shown['litellm_params']['model'] == 'openai/two', shown
assert read('models', 'get', '--name', 'cli-model')['model_info']['id'] == made['model_id']
run('models', 'delete', made['model_id'])
assert 'cli-model' not in run('models', 'list')
`));

  it('manages users and teams', () =>
    expectDone(`
user = read('users', 'create', '--email', 'cli@example.com', '--role', 'internal_user', '--alias', 'cli', '--max-budget', '5')
assert user['max_budget'] == 5 and user['user_email'] == 'cli@example.com', user
assert user['user_id'] in run('users', 'list') or 'cli@example.com' in run('users', 'list')
assert read('users', 'get', '--id', user['user_id'])['user_info']['user_email'] == 'cli@example.com'
team = read('http', 'request', 'POST', '/team/new', '-j', json.dumps({'team_alias': 'cli-team', 'members_with_roles': [{'role': 'admin', 'user_id': user['user_id']}]}))
run('teams', 'list'), run('teams', 'available')
run('users', 'delete', user['user_id'])
assert user['user_id'] not in run('http', 'request', 'GET', '/user/list')
`));

  it('manages credentials and asks anything by itself', () =>
    expectDone(`
assert read('credentials', 'create', 'by-cli', '--info', '{"custom_llm_provider": "openai"}', '--values', '{"api_key": "sk-123"}')['success']
assert 'by-cli' in run('credentials', 'list')
shown = read('credentials', 'get', 'by-cli')
assert shown['credential_info'] == {'custom_llm_provider': 'openai'} and 'sk-123' not in json.dumps(shown), shown
assert read('credentials', 'delete', 'by-cli')['success']
assert read('http', 'request', 'GET', '/health/readiness')['status'] == 'healthy'
run('version')
`));
});

describe.each(problem ? [] : ["LiteLLM's Python client"])('%s', () => {
  it('reads and changes what its methods name', () =>
    expectDone(`
client = Client(base_url=os.environ['LITELLM_PROXY_URL'], api_key=os.environ['LITELLM_PROXY_API_KEY'])
key = client.keys.generate(models=['m'], key_alias='by-client')
assert client.keys.info(key=key['key'])['info']['key_alias'] == 'by-client'
assert [one['key_alias'] for one in client.keys.list(return_full_object=True, key_alias='by-client')['keys']] == ['by-client']
assert client.keys.delete(keys=[key['key']])['deleted_keys'] == [key['key']]
model = client.models.new(model_name='by-client', model_params={'model': 'openai/one'}, model_info={'mode': 'chat'})
assert client.models.get(model_id=model['model_id'])['model_name'] == 'by-client'
assert 'by-client' in [group['model_group'] for group in client.model_groups.info()]
client.models.delete(model_id=model['model_id'])
said = client.chat.completions(model='m', messages=[{'role': 'user', 'content': 'Hello'}])
assert said['choices'][0]['message']['role'] == 'assistant', said
`));
});
