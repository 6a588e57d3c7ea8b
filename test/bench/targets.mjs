// What is measured: the bare passthrough, the product with everything on, and on request LiteLLM and Portkey.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOrInstall } from '../../scripts/find-or-install.mjs';
import { MAIN, NODE_FLAGS } from '../../scripts/runtime.mjs';
import { issueTokens } from './tokens.mjs';
import { freePort, start, waitForHttp } from './processes.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const ANSWER = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'bench',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'All work and no play. '.repeat(32) },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 200, completion_tokens: 160, total_tokens: 360 },
});

/** nginx that answers every request with the same kilobyte: faster than anything that is measured. */
export async function startUpstream(folder, where = 'others') {
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const file = join(folder, 'upstream.nginx.conf');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/upstream.pid; error_log stderr warn; ${process.getuid?.() === 0 ? 'user root;' : ''}
     events { worker_connections 1024; }
     http { access_log off; ${temporary.join(' ')} keepalive_requests 100000000; client_max_body_size 2m; client_body_buffer_size 256k;
       server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '${ANSWER}'; } } }`,
  );
  const child = start(where, findOrInstall('nginx'), ['-p', folder, '-c', file]);
  await waitForHttp(`http://127.0.0.1:${port}/`, child);
  return { url: `http://127.0.0.1:${port}`, stop: () => child.stop() };
}

export async function startStreamUpstream() {
  const port = await freePort();
  const child = start('others', process.execPath, [join(here, 'stream-upstream.mjs'), String(port)]);
  await waitForHttp(`http://127.0.0.1:${port}/`, child);
  return { url: `http://127.0.0.1:${port}`, stop: () => child.stop() };
}

export async function startBare(upstream) {
  const port = await freePort();
  const child = start('gateway', process.execPath, [join(here, 'bare.mjs'), String(port), upstream.url]);
  const url = `http://127.0.0.1:${port}`;
  await waitForHttp(`${url}/v1/chat/completions`, child);
  return { name: 'bare', url, pid: child.pid, stop: () => child.stop(), output: child.output };
}

/** A private PostgreSQL off the gateway's core, migrated; the product's own embedded one would share its core. */
export async function startDatabase(folder) {
  const { startEmbeddedPostgres } = await import('../../dist/libs/database/src/index.js');
  const silent = () => undefined;
  const logger = {
    trace: silent,
    debug: silent,
    info: silent,
    warn: silent,
    error: silent,
    fatal: silent,
    child: () => logger,
  };
  const dataDir = join(folder, 'postgres');
  mkdirSync(dataDir, { recursive: true });
  const server = await startEmbeddedPostgres({ dataDir, logger });
  const url = server.url.reveal();
  const migration = start('others', process.execPath, [MAIN, 'migrate'], {
    env: environment({ DATABASE_URL: url }),
  });
  await migration.ended(60_000);
  return { url, stop: () => server.stop() };
}

// A developer's own settings must not colour a measurement.
const environment = (more) => ({ PATH: process.env.PATH, HOME: process.env.HOME, ...more });

const MASTER_KEY = 'sk-master-of-the-benchmark-0123456789';

/** Without a `database`, on the PostgreSQL that the product starts itself, in its own data directory or in the one it is given: then neither keeps to one core. */
export async function startGoverned(
  upstream,
  database,
  folder,
  more = {},
  settings = {},
  ownDir = undefined,
  place = ownDir === undefined ? 'gateway' : 'everything',
) {
  const port = await freePort();
  const dataDir = ownDir ?? join(folder, `data-${port}`);
  mkdirSync(dataDir, { recursive: true });
  const config = join(dataDir, 'config.yaml');
  const params = {
    model: 'openai/bench',
    api_base: `${upstream.url}/v1`,
    api_key: 'sk-upstream',
    input_cost_per_token: 0.000_002_5,
    output_cost_per_token: 0.000_01,
  };
  const model = {
    model_name: 'bench',
    litellm_params: params,
    model_info: { max_input_tokens: 200_000, max_output_tokens: 4_096 },
  };
  writeFileSync(config, JSON.stringify({ model_list: [model], ...settings }));
  const args = [
    ...NODE_FLAGS,
    MAIN,
    '--config',
    config,
    '--port',
    String(port),
    '--host',
    '127.0.0.1',
    '--data-dir',
    dataDir,
  ];
  const env = environment({
    ...(database && { DATABASE_URL: database.url }),
    LITELLM_MASTER_KEY: MASTER_KEY,
    NODE_ENV: 'production',
    ...more,
  });
  const child = start(place, process.execPath, args, { cwd: dataDir, env });
  const url = `http://127.0.0.1:${port}`;
  await waitForHttp(`${url}/health/readiness`, child);
  return {
    name: 'governed',
    url,
    pid: child.pid,
    masterKey: MASTER_KEY,
    stop: () => child.stop(),
    output: child.output,
  };
}

/** The product with an identity provider beside it, and who calls it either way. */
export async function startGovernedWithTokens(upstream, database, folder) {
  const issued = await issueTokens(folder);
  const governed = await startGoverned(upstream, database, folder, issued.env, issued.settings);
  return {
    ...governed,
    files: issued.files,
    asked: issued.asked,
    async stop() {
      await governed.stop();
      await issued.stop();
    },
  };
}

/** The product counting in a Redis on the same machine, off the gateway's core. */
export async function startGovernedWithRedis(upstream, database, folder) {
  const port = await freePort();
  const network = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const store = ['--save', '', '--appendonly', 'no'];
  const redis = start('others', findOrInstall('redis'), [...network, ...store]);
  const url = `redis://127.0.0.1:${port}`;
  // Redis shares a core with everything else here: what is measured is its speed, not what happens when it is late.
  const patience = { REDIS_COMMAND_TIMEOUT_MS: '2000' };
  const governed = await startGoverned(upstream, database, folder, { REDIS_URL: url, ...patience });
  return {
    ...governed,
    name: 'redis',
    async stop() {
      await governed.stop();
      await redis.stop();
    },
  };
}

/** LiteLLM from PyPI, as a plain proxy: no key, no database, one worker. */
export async function startLiteLlm(upstream, work) {
  const folder = join(work, 'litellm');
  const bin = join(folder, 'bin', 'litellm');
  if (!existsSync(bin)) {
    await start('others', 'python3', ['-m', 'venv', folder]).ended(120_000);
    await start('others', join(folder, 'bin', 'pip'), ['install', '-q', 'litellm[proxy]']).ended(900_000);
  }
  const port = await freePort();
  const config = join(folder, 'bench.yaml');
  const litellm_params = { model: 'openai/bench', api_base: `${upstream.url}/v1`, api_key: 'sk-upstream' };
  writeFileSync(config, JSON.stringify({ model_list: [{ model_name: 'bench', litellm_params }] }));
  const env = environment({ LITELLM_LOG: 'ERROR', LITELLM_LOCAL_MODEL_COST_MAP: 'True' });
  const args = ['--config', config, '--port', String(port), '--host', '127.0.0.1', '--num_workers', '1'];
  const child = start('gateway', bin, args, { env });
  const url = `http://127.0.0.1:${port}`;
  await waitForHttp(`${url}/health/liveliness`, child, 180_000);
  return { name: 'litellm', url, pid: child.pid, stop: () => child.stop() };
}

/** Portkey's open-source gateway from npm. */
export async function startPortkey(upstream, work) {
  const folder = join(work, 'portkey');
  const script = join(folder, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
  if (!existsSync(script)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '@portkey-ai/gateway'];
    await start('others', 'npm', args, { cwd: folder }).ended(600_000);
  }
  const port = await freePort();
  const env = environment({ NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' });
  const child = start('gateway', process.execPath, [script, `--port=${port}`, '--headless'], { env });
  const url = `http://127.0.0.1:${port}`;
  await waitForHttp(`${url}/`, child);
  const headers = ['x-portkey-provider: openai', `x-portkey-custom-host: ${upstream.url}/v1`];
  return { name: 'portkey', url, pid: child.pid, headers, stop: () => child.stop() };
}
