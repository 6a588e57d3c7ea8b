import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAi } from '../harness/clients.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { MASTER_KEY, Product } from '../harness/product.js';
import { type CurlAnswer, Shell } from '../harness/shell.js';

// The lines people copy from the security guide and the team guide, run as they are written there: no Content-Type where
// the guide sends none, DELETE with a body, 0.0.0.0 as the host. Only the host, the keys and the comments inside the JSON
// are replaced, as the guides tell their readers to. The guides' lines that ask an identity provider for a JWT, and call
// with it, belong to the sign-in issue; here it is promised that their configuration is refused rather than half-honoured.

let provider: FakeProvider;
let product: Product;
const shell = new Shell();

/** The guide's own settings, in its own spelling; around them only what a test needs: where the models are. */
const guideConfig = (apiBase: string) => `
model_list:
${['gpt-3.5-turbo', 'shin-llama-8b', 'shin-llama-70b', 'shin-llama-405b']
  .map((name) => `  - model_name: ${name}\n    litellm_params: { model: openai/${name}, api_key: os.environ/OPENAI_API_KEY, api_base: "${apiBase}" }`)
  .join('\n')}
  - model_name: gpt-4
    litellm_params:
      model: gpt-4
      api_key: os.environ/OPENAI_API_KEY
      api_base: "${apiBase}"
      rpm: 4             # This model: few req/min
      tpm: 50000         # This model: 50K tok/min
  - model_name: internal-only-model
    litellm_params:
      model: gpt-4
      api_key: os.environ/OPENAI_API_KEY
      api_base: "${apiBase}"
      allowed_keys: ["admin-key-1", "internal-key-2"]
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  allowed_ips:
    - "127.0.0.1"           # Localhost
    - "10.0.0.0/8"          # Internal network
    - "192.168.1.100"       # Specific IP
  cors_origin:
    - "https://yourdomain.com"
    - "https://app.yourdomain.com"
  log_level: "INFO"
  json_logs: true
  database_url: "sqlite:///litellm.db"
litellm_settings:
  rpm: 1000              # Requests per minute
  tpm: 100000            # Tokens per minute
  set_verbose: true
  drop_params: true      # Drop unknown parameters
  max_tokens: 4000       # Global max
`;

beforeAll(async () => {
  provider = await FakeProvider.start({ promptTokens: 10, completionTokens: 5 });
  product = await Product.start({
    config: guideConfig(`${provider.url}`),
    env: { OPENAI_API_KEY: 'sk-of-the-provider', LOG_FILE: join(shell.folder, 'gateway.log') },
  });
});

afterAll(async () => {
  await product?.dispose();
  await provider?.stop();
  shell.dispose();
});

/** A line of a guide, with this product's host and keys in it and without the comments that JSON cannot have. */
function guide(line: string, keys: Readonly<Record<string, string>> = {}): Promise<CurlAnswer> {
  let text = line
    .replace(/http:\/\/(?:localhost|0\.0\.0\.0):4000/, product.url)
    .replace('YOUR_MASTER_KEY', MASTER_KEY)
    .replace('<admin-token>', MASTER_KEY)
    .replace(/(["\],\d])[ \t]+# .*$/gmu, '$1');
  for (const [name, key] of Object.entries(keys)) text = text.replace(name, key);
  return shell.curl(text);
}

const ask = (model: string, key: string, more: object = {}) =>
  product.request('POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hi' }], ...more }, key);

/** The end of the log, once it holds the word: it is written a moment after the answer. */
async function grepLog(word: string): Promise<string> {
  let found = '';
  for (let waitedMs = 0; waitedMs < 5_000 && found === ''; waitedMs += 50) {
    found = (await shell.run(`tail -n +1 gateway.log | grep "${word}"`)).output;
    if (found === '') await delay(50);
  }
  return found;
}

describe('the security guide: virtual keys', () => {
  it('creates a key with the answer the guide shows, and the key works without /v1 in the base URL', async () => {
    const { status, json } = await guide(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "user_id": "user-123",
    "key_name": "mobile-app",
    "duration": "30d",
    "models": ["gpt-3.5-turbo", "shin-llama-70b"],
    "max_budget": 100.0
  }'`);
    expect(status).toBe(200);
    expect(json).toMatchObject({ user_id: 'user-123', key_name: 'mobile-app', max_budget: 100 });
    expect(json.key).toMatch(/^sk-/);
    const days = (Date.parse(json.expires) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);

    const client = openAi(product.url, json.key);
    const messages = [{ role: 'user' as const, content: 'hi' }];
    expect((await client.chat.completions.create({ model: 'gpt-3.5-turbo', messages })).usage?.completion_tokens).toBe(5);
    expect((await client.models.list()).data.map(({ id }) => id).toSorted()).toEqual(['gpt-3.5-turbo', 'shin-llama-70b']);
    await expect(client.chat.completions.create({ model: 'gpt-4', messages })).rejects.toMatchObject({ status: 403 });
  });

  it('creates the same named key twice: a name is a label', async () => {
    const line = `curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "key_name": "admin",
    "models": ["*"]
  }'`;
    const [first, second] = [await guide(line), await guide(line)];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.json.key_name).toBe('admin');
    for (const model of ['gpt-3.5-turbo', 'shin-llama-405b']) expect((await ask(model, second.json.key)).status).toBe(200);
  });

  it('limits a key as the commented example says', async () => {
    const { status, json } = await guide(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "models": ["gpt-3.5-turbo"],      # Only these models
    "max_budget": 50.0,                # Max $50
    "max_parallel_requests": 10,       # Max concurrent
    "tpm": 10000,                      # Tokens per minute
    "rpm": 100                         # Requests per minute
  }'`);
    expect(status).toBe(200);
    const { info } = (await (await product.request('GET', '/key/info', undefined, json.key)).json()) as { info: object };
    expect(info).toMatchObject({ models: ['gpt-3.5-turbo'], max_budget: 50, max_parallel_requests: 10, tpm_limit: 10_000, rpm_limit: 100 });
  });

  it('makes the developer and the production key', async () => {
    const developer = await guide(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "key_name": "developer",
    "models": ["gpt-3.5-turbo", "shin-llama-8b"],
    "max_budget": 10.0
  }'`);
    const production = await guide(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "key_name": "production",
    "models": ["gpt-4", "shin-llama-405b"],
    "max_budget": 1000.0,
    "rpm": 500
  }'`);
    expect([developer.status, production.status]).toEqual([200, 200]);
    expect((await ask('shin-llama-8b', developer.json.key)).status).toBe(200);
    expect((await ask('shin-llama-405b', developer.json.key)).status).toBe(403);
    expect((await ask('shin-llama-405b', production.json.key)).status).toBe(200);
  });

  it('lists all keys', async () => {
    const { status, json } = await guide(`curl http://localhost:4000/key/info \\
  -H "Authorization: Bearer YOUR_MASTER_KEY"`);
    expect(status).toBe(200);
    expect(json.keys.length).toBeGreaterThanOrEqual(5);
    expect(JSON.stringify(json)).toContain('mobile-app');
    expect(JSON.stringify(json)).not.toMatch(/"sk-[\w-]{16,}"/);
  });

  it('revokes a key: DELETE with a body and no Content-Type, and its next request fails', async () => {
    const key = await product.makeKey();
    expect((await ask('gpt-3.5-turbo', key)).status).toBe(200);
    const revoke = `curl -X DELETE http://localhost:4000/key/delete \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{"key": "sk-key-to-revoke"}'`;
    expect((await guide(revoke, { 'sk-key-to-revoke': key })).status).toBe(200);
    expect((await ask('gpt-3.5-turbo', key)).status).toBe(401);
    expect((await guide(revoke, { 'sk-key-to-revoke': key })).status).toBe(404);

    const compromised = await product.makeKey();
    const { status } = await guide(`curl -X DELETE http://localhost:4000/key/delete \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{"key": "compromised-key"}'`, { 'compromised-key': compromised });
    expect(status).toBe(200);
    expect((await ask('gpt-3.5-turbo', compromised)).status).toBe(401);
  });
});

describe('the security guide: limits', () => {
  it('limits the free tier to ten requests a minute, with the answer the guide shows', async () => {
    const { json } = await guide(`curl http://localhost:4000/key/generate \\
  -H "Authorization: Bearer YOUR_MASTER_KEY" \\
  -d '{
    "user_id": "free-tier-user",
    "rpm": 10,
    "tpm": 1000,
    "max_budget": 5.0
  }'`);
    expect(json).toMatchObject({ user_id: 'free-tier-user', max_budget: 5 });
    for (let i = 0; i < 10; i += 1) expect((await ask('gpt-3.5-turbo', json.key, { max_tokens: 5 })).status).toBe(200);
    const refused = await ask('gpt-3.5-turbo', json.key);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringMatching(/rate limit exceeded/i), type: 'rate_limit_error', code: 429 } });
  });

  it('limits one model for everybody', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 6; i += 1) statuses.push((await ask('gpt-4', MASTER_KEY)).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(4);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect((await ask('gpt-3.5-turbo', MASTER_KEY)).status).toBe(200);
  });

  it('reserves a model for the keys it names', async () => {
    const named = await product.makeKey({ key_alias: 'admin-key-1' });
    const other = await product.makeKey({ key_alias: 'somebody' });
    expect((await ask('internal-only-model', named)).status).toBe(200);
    expect((await ask('internal-only-model', other)).status).toBe(403);
    expect((await openAi(product.url, other).models.list()).data.map(({ id }) => id)).not.toContain('internal-only-model');
  });

  it('drops parameters nobody knows, and caps the output of every call', async () => {
    provider.reset();
    const key = await product.makeKey();
    expect((await ask('gpt-3.5-turbo', key, { colour: 'blue', temperature: 0.5, max_tokens: 9_000 })).status).toBe(200);
    expect((await ask('gpt-3.5-turbo', key)).status).toBe(200);
    const [lowered, set] = provider.requests.map(({ body }) => JSON.parse(body.toString('utf8')));
    expect(lowered).toMatchObject({ temperature: 0.5, max_tokens: 4_000 });
    expect(lowered).not.toHaveProperty('colour');
    expect(set.max_tokens ?? set.max_completion_tokens).toBe(4_000);
  });

  it('limits the whole proxy', async () => {
    const small = await Product.start({
      config: { model_list: [{ model_name: 'm', litellm_params: { model: 'openai/m', mock_response: 'hello' } }], litellm_settings: { rpm: 3, tpm: 100_000 } },
    });
    const statuses: number[] = [];
    const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
    for (let i = 0; i < 5; i += 1) statuses.push((await small.request('POST', '/chat/completions', body, await small.makeKey())).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    await small.dispose();
  });
});

describe('the security guide: the network', () => {
  it('lets in the addresses it names, and nobody else, whatever a header says', async () => {
    const line = `curl ${product.url}/v1/models -H "Authorization: Bearer ${MASTER_KEY}"`;
    expect((await shell.curl(line)).status).toBe(200);
    const outside = await shell.curl(`${line} --interface 127.0.0.2 -H "X-Forwarded-For: 10.1.2.3"`);
    expect(outside.status).toBe(403);
    expect(outside.json.error.message).toBeTruthy();
  });

  it('answers the origins it names', async () => {
    const preflight = (origin: string) =>
      fetch(`${product.url}/v1/chat/completions`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      });
    expect((await preflight('https://app.yourdomain.com')).headers.get('access-control-allow-origin')).toBe('https://app.yourdomain.com');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('the security guide: watching', () => {
  it('logs the words it greps for, as JSON lines, without the key', async () => {
    await ask('gpt-3.5-turbo', 'sk-a-key-that-nobody-made-0123456789');
    await ask('gpt-99', MASTER_KEY);
    for (const word of ['Authentication failed', 'rate_limit_exceeded', 'model not found']) {
      const [line] = (await grepLog(word)).split('\n');
      expect(line, word).toContain(word);
      expect(JSON.parse(line ?? '')).toBeTypeOf('object');
    }
    const log = readFileSync(join(shell.folder, 'gateway.log'), 'utf8');
    for (const secret of ['sk-a-key-that-nobody-made-0123456789', MASTER_KEY, 'sk-of-the-provider']) expect(log).not.toContain(secret);
  });

  it('greps out a burst of failures', async () => {
    for (let i = 0; i < 60; i += 1) await ask('gpt-3.5-turbo', `sk-guess-${i}-000000000000`);
    expect(await grepLog('suspicious-activity')).toContain('suspicious-activity');
  });

  it('mirrors requests into the SQLite file that the guide’s script reads', async () => {
    const script = `
import sqlite3

conn = sqlite3.connect('litellm.db')
cursor = conn.cursor()

# Recent requests
cursor.execute("""
    SELECT timestamp, user, model, tokens
    FROM request_log
    ORDER BY timestamp DESC
    LIMIT 10
""")

for row in cursor.fetchall():
    print(row)
`;
    const hasPython = spawnSync('python3', ['-c', 'import sqlite3']).status === 0;
    const inNode = `import { DatabaseSync } from 'node:sqlite';
      const rows = new DatabaseSync('litellm.db').prepare('SELECT timestamp, user, model, tokens FROM request_log ORDER BY timestamp DESC LIMIT 10').all();
      for (const { timestamp, user, model, tokens } of rows) console.log("('" + [timestamp, user, model].join("', '") + "', " + tokens + ')');`;
    writeFileSync(join(product.folder, 'query.py'), script);
    writeFileSync(join(product.folder, 'query.mjs'), inNode);
    const command = hasPython ? 'python3 query.py' : `"${process.execPath}" query.mjs`;
    let output = '';
    for (let waitedMs = 0; waitedMs < 15_000 && output.split('\n').length < 10; waitedMs += 250) {
      output = (await shell.run(`cd "${product.folder}" && ${command}`)).output;
      if (output.split('\n').length < 10) await delay(250);
    }
    const rows = output.trim().split('\n');
    expect(rows).toHaveLength(10);
    expect(rows[0]).toMatch(/^\('20\d\d-\d\d-\d\dT[\d:.]+Z', '[^']+', '[\w.-]+', \d+\)$/);
  });
});

describe('the team guide', () => {
  it('blocks a team, whose requests fail until it is unblocked', async () => {
    await product.request('POST', '/team/new', { team_id: 'litellm-test-client-id-new' });
    const key = await product.makeKey({ team_id: 'litellm-test-client-id-new' });
    expect((await ask('gpt-3.5-turbo', key)).status).toBe(200);
    const line = (verb: string) => `curl --location 'http://0.0.0.0:4000/team/${verb}' \\
--header 'Authorization: Bearer <admin-token>' \\
--header 'Content-Type: application/json' \\
--data '{
"team_id": "litellm-test-client-id-new" # 👈 set team id
}'`;
    const blocked = await guide(line('block'));
    expect(blocked.status).toBe(200);
    expect(blocked.json).toMatchObject({ team_id: 'litellm-test-client-id-new', blocked: true });
    const refused = await ask('gpt-3.5-turbo', key);
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ error: { message: expect.stringMatching(/blocked/i) } });
    const unblocked = await guide(line('unblock'));
    expect(unblocked.json).toMatchObject({ blocked: false });
    expect((await ask('gpt-3.5-turbo', key)).status).toBe(200);
  });
});
