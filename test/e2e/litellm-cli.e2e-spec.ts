import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserOf, makeUserWithPassword, ScriptedBrowser } from '../harness/browser.js';
import { GovernedProduct } from '../harness/governed-product.js';
import { findLiteLLMProblem, runLiteLLMClient, startLiteLLMCli } from '../harness/litellm-cli.js';

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

/** Its login polls us as it polls LiteLLM; what it keeps then has to work, and to be nothing once its owner is blocked. */
describe.each(problem ? [] : ["LiteLLM's login"])('%s', () => {
  const PASSWORD = 'Correct horse 7';
  const home = mkdtempSync(join(tmpdir(), 'tollgate-litellm-home-'));
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  /** Types the code that the command line shows, in a browser where `user` is signed in. */
  async function typeCode(user: string, output: string): Promise<void> {
    const link = /Opening browser to: (\S+)/.exec(output)?.[1] ?? '';
    const code = /Verification code: (\S+)/.exec(output)?.[1] ?? '';
    const browser = await browserOf(own.product, user, PASSWORD);
    const page = await (await browser.get(link)).text();
    const done = await browser.submit(`/sso/cli/complete/${new URL(link).searchParams.get('key') ?? ''}`, {
      user_code: code,
      browser_complete_token: ScriptedBrowser.field(page, 'browser_complete_token'),
    });
    expect(done.status).toBe(200);
  }

  it('signs in with a browser, works with what it got, chooses a team, and is over with its user', async () => {
    const { product, database } = own;
    await makeUserWithPassword(product, database, 'ada', PASSWORD);
    for (const id of ['red', 'blue'])
      await product.request('POST', '/team/new', {
        team_id: id,
        team_alias: `${id}-team`,
        members_with_roles: [{ user_id: 'ada', role: 'user' }],
      });
    const login = startLiteLLMCli(
      `
import io, sys
sys.stdin = io.StringIO('2\\n')
cli(['login'], standalone_mode=False)
print('me:', run('http', 'request', 'GET', '/session/info'))
print('who:', run('whoami'))
print('models:', run('models', 'list'))
print('done')`,
      product.url,
      home,
    );
    await expect.poll(() => /Verification code: \S+/.test(login.output), { timeout: 30_000 }).toBe(true);
    await typeCode('ada', login.output);
    await login.ended(40_000);
    expect(login.output.trim().split('\n').at(-1), login.output).toBe('done');
    expect(login.output).toContain('Login successful!');
    const chosen = /Selected team: \S+ \((\w+)\)/.exec(login.output)?.[1];
    expect(['red', 'blue']).toContain(chosen);
    expect(login.output).toMatch(/"user_id": "ada"/);
    expect(login.output).toContain(`"team_id": "${chosen ?? ''}"`);
    expect(product.logs).not.toMatch(/tollgate_cli_[\w-]{20}/);

    await product.request('POST', '/user/update', { user_id: 'ada', blocked: true });
    const after = startLiteLLMCli(
      `
tried = CliRunner().invoke(cli, ['http', 'request', 'GET', '/session/info'])
print('after:', tried.exit_code, tried.output)
print(run('logout'))`,
      product.url,
      home,
    );
    await after.ended(30_000);
    expect(after.output).toMatch(/after: [1-9][\s\S]*401/);
    expect(after.output).toMatch(/Logged out/);
  }, 90_000);
});
