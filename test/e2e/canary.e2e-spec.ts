import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveBadDay, random } from '../harness/bad-day.js';
import { chatBody, eventually } from '../harness/governed-product.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

/** What must be found nowhere. A prompt has no shape that a filter could know; keys of all shapes are among the rest. */
const secrets: Record<string, string> = {
  masterKey: random('master-'),
  providerKey: random('pk_live.'),
  anthropicKey: random('sk-ant-'),
  prompt: random('please summarise '),
  systemPrompt: random('You are '),
  toolName: random('tool_'),
  databasePassword: random('pw'),
  guess: random('sk-'),
  shapelessGuess: random('Zq'),
  customHeader: random('hdr'),
  modelName: random('no-such-model-'),
  queryKey: random('sk-'),
  adminValue: random('sk-'),
};

let database: TestDatabase;
let provider: FakeProvider;
let product: Product;
let folder: string;
let role: string;
/** Every answer's headers and body: the mix of good and bad below. */
let answers: string[] = [];
let spool = '';
let commandLines = '';
let metrics = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-canary-'));
  database = await createTestDatabase();
  provider = await FakeProvider.start();
  // A role of its own, whose password is a canary too.
  role = `canary_${randomBytes(6).toString('hex')}`;
  await database.dataSource.query(
    `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${secrets.databasePassword}'`,
  );
  const url = new URL(database.url.reveal());
  url.username = role;
  url.password = secrets.databasePassword ?? '';
  product = await Product.start({
    masterKey: secrets.masterKey ?? '',
    databaseUrl: url.href,
    env: { LOG_FILE: join(folder, 'tollgate.log'), PROVIDER_KEY: secrets.providerKey ?? '' },
    config: {
      model_list: [
        {
          model_name: 'm',
          litellm_params: {
            model: 'openai/up',
            api_base: provider.url,
            api_key: 'os.environ/PROVIDER_KEY',
            input_cost_per_token: 0.001,
            output_cost_per_token: 0.001,
          },
        },
        {
          model_name: 'claude',
          litellm_params: {
            model: 'anthropic/claude-sonnet-4-5',
            api_base: provider.origin,
            api_key: secrets.anthropicKey,
          },
        },
        {
          model_name: 'nowhere',
          litellm_params: {
            model: 'openai/up',
            api_base: 'http://127.0.0.1:9',
            api_key: secrets.providerKey,
          },
        },
      ],
      general_settings: { log_level: 'debug', json_logs: false },
      litellm_settings: { set_verbose: true },
      router_settings: { num_retries: 0, disable_cooldowns: true },
    },
  });
});

afterAll(async () => {
  await product?.dispose();
  await provider?.stop();
  await database?.dataSource.query(`DROP OWNED BY ${role}`);
  await database?.dataSource.query(`DROP ROLE ${role}`);
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => statSync(name).isFile());
}

/** The product and every process it started, as `ps` shows them to any user of the machine. */
function commandLinesOf(pid: number): string {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
  );
  return [
    readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    ...children.map((child) => commandLinesOf(Number(child))),
  ].join('\n');
}

/** A secret, and the ways in which it may be written down. */
function find(text: string, places: string): string[] {
  return Object.entries(secrets)
    .filter(([, secret]) =>
      [
        secret,
        encodeURIComponent(secret),
        Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -2),
      ].some((form) => text.includes(form)),
    )
    .map(([name]) => `${name} in ${places}`);
}

describe('after a bad day, no secret and no prompt', () => {
  beforeAll(async () => {
    answers = await liveBadDay(product, provider, secrets);
    spool = filesBelow(product.dataDir)
      .filter((path) => !path.endsWith('.log'))
      .map((path) => `${path}\n${readFileSync(path, 'latin1')}`)
      .join('\n');
    if (process.platform === 'linux') commandLines = commandLinesOf(product.pid);
    metrics = await (await product.request('GET', '/metrics')).text();
    await eventually('the access lines', () => product.logs.includes('/v1/embeddings'));
  });

  it('(which did travel: the provider saw them all)', () => {
    const seen = provider.requests
      .map(({ headers, body }) => JSON.stringify(headers) + String(body))
      .join('\n');
    expect(find(seen, 'upstream').toSorted()).toEqual(
      ['anthropicKey', 'prompt', 'providerKey', 'systemPrompt', 'toolName'].map(
        (name) => `${name} in upstream`,
      ),
    );
  });

  it('is in the logs, printed or in LOG_FILE, at debug level', () => {
    expect(readFileSync(join(folder, 'tollgate.log'), 'utf8').length).toBeGreaterThan(5_000);
    expect(find(product.logs, 'logs')).toEqual([]);
  });

  it('is in any row of any table', async () => {
    const tables: { t: string }[] = await database.dataSource.query(
      `SELECT format('%I.%I', schemaname, tablename) AS t FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    expect(tables.length).toBeGreaterThan(8);
    const found: string[] = [];
    for (const { t } of tables) {
      const rows: { row: string }[] = await database.dataSource.query(`SELECT x::text AS row FROM ${t} x`);
      found.push(...find(rows.map(({ row }) => row).join('\n'), t));
    }
    expect(found).toEqual([]);
  });

  it('is in the spool or any other file it keeps', async () => {
    expect(find(spool, 'files')).toEqual([]);
  });

  it('is in the answers: errors quote nothing of what was sent as a credential, nor of our own', () => {
    const text = answers.join('\n');
    // The caller’s own words may come back to that caller: the path asked for, and the model’s own answer.
    const echoes = new Set(['queryKey in answers', 'modelName in answers']);
    expect(find(text, 'answers').filter((where) => !echoes.has(where))).toEqual([]);
    expect(text).not.toMatch(/\n\s+at /);
  });

  it('is in the metrics', () => {
    expect(metrics).toContain('litellm_');
    expect(find(metrics, 'metrics')).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'is in the arguments of the product or of a process it started',
    () => {
      expect(commandLines).toContain('main.js');
      expect(find(commandLines, 'command lines')).toEqual([]);
    },
  );

  it('is in what a kill -9 leaves behind', async () => {
    const key = secrets.key ?? '';
    provider.behave({ completionTokens: 200, frameDelayMs: 20 });
    const running = fetch(`${product.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify(chatBody({ stream: true, messages: [{ role: 'user', content: secrets.prompt }] })),
    })
      .then((response) => response.text())
      .catch(() => undefined);
    const seen = provider.requests.length;
    await eventually('the call', () => provider.requests.length > seen);
    await product.kill();
    await running;
    const left = filesBelow(product.dataDir)
      .map((path) => readFileSync(path, 'latin1'))
      .join('\n');
    expect(find(left, 'files after kill -9')).toEqual([]);
    await product.restart();
    expect(find(product.logs, 'logs after the restart')).toEqual([]);
  });
});
