import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTollgate } from '../harness/command.js';
import { FakeProvider } from '../harness/fake-provider.js';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { MASTER_KEY, Product, type ProductOptions } from '../harness/product.js';

let database: TestDatabase;
let provider: FakeProvider;
const folder = mkdtempSync(join(tmpdir(), 'tollgate-config-'));

beforeAll(async () => {
  [database, provider] = await Promise.all([createTestDatabase(), FakeProvider.start()]);
});

afterAll(async () => {
  await provider?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts it on this file's database, looks, and ends it: without Redis a database has one proxy at a time. */
async function withProduct<T>(options: ProductOptions, look: (product: Product) => Promise<T>): Promise<T> {
  const product = await Product.start({ databaseUrl: database.url.reveal(), ...options });
  try {
    return await look(product);
  } finally {
    await product.dispose();
  }
}

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

const check = (file: string, env?: Record<string, string>) =>
  runTollgate(['config', 'check', file], { cwd: folder, ...(env ? { env } : {}) });

async function modelsOf(product: Product): Promise<string[]> {
  const answer = (await (await product.request('GET', '/v1/models')).json()) as { data: { id: string }[] };
  return answer.data.map(({ id }) => id).toSorted();
}

const chat = (product: Product, model: string, key = MASTER_KEY) =>
  product.request(
    'POST',
    '/v1/chat/completions',
    { model, messages: [{ role: 'user', content: 'hi' }] },
    key,
  );

/** Configurations as people have them. `says`: what the check must tell. `models`: it starts, and these can be seen. */
interface Shape {
  readonly yaml: string;
  readonly says?: readonly RegExp[];
  readonly models?: readonly string[];
}

const SHAPES: Readonly<Record<string, Shape>> = {
  'load balancing with aliases and retries': {
    yaml: `
model_list:
  - model_name: fast
    litellm_params: { model: azure/gpt-fast-eu, api_base: https://eu.example, api_key: os.environ/AZURE_EU_KEY, rpm: 900, tpm: 20_000 }
    model_info: { base_model: azure/gpt-4o-mini }
  - model_name: fast
    litellm_params: { model: azure/gpt-fast-us, api_base: https://us.example, api_key: secret, api_version: "2024-10-21", rpm: 6, weight: 2 }
router_settings:
  routing_strategy: simple-shuffle
  num_retries: 2
  timeout: 30
  model_group_alias: { quick: fast }
litellm_settings: { num_retries: 3, request_timeout: 10, fallbacks: [{ fast: [slow] }], set_verbose: False }
`,
    says: [/AZURE_EU_KEY is not set/],
    models: ['fast', 'quick'],
  },
  'callbacks, a cache and alerts': {
    yaml: `
model_list:
  - model_name: m
    litellm_params: { model: openai/m, api_key: k }
litellm_settings:
  success_callback: ["langfuse", "prometheus"]
  callbacks: [otel]
  cache: true
  cache_params: { type: redis, host: localhost }
general_settings: { alerting: ["slack"], otel: true }
`,
    says: [
      /unsupported +litellm_settings\.success_callback\.0: .*langfuse/,
      /unsupported +litellm_settings\.callbacks\.0: .*otel/,
      /unsupported +litellm_settings\.cache: .*caching/i,
      /notice +general_settings\.alerting: no alerts go to Slack/,
    ],
    models: ['m'],
  },
  'providers that are not there yet beside one that is': {
    yaml: `
model_list:
  - model_name: bedrock-sonnet
    litellm_params: { model: bedrock/anthropic.claude, aws_region_name: us-east-1 }
  - model_name: gemini-pro
    litellm_params: { model: vertex_ai/gemini-pro, vertex_project: p, vertex_location: l }
  - model_name: local
    litellm_params: { model: ollama/llama3, api_base: http://127.0.0.1:9 }
`,
    says: [
      /unsupported +model_list\.0\.litellm_params\.model: The provider bedrock is not there yet; calls to bedrock-sonnet are refused/,
      /unsupported +model_list\.1\.litellm_params\.model: The provider vertex_ai is not there yet/,
    ],
    models: ['local'],
  },
  'wildcards, tags and access groups': {
    yaml: `
model_list:
  - model_name: "openai/*"
    litellm_params: { model: "openai/*", api_key: k, tags: [free] }
    model_info: { access_groups: [beta] }
  - model_name: "*"
    litellm_params: { model: "openai/*", api_key: k }
router_settings: { enable_tag_filtering: True }
general_settings: { reject_clientside_metadata_tags: true }
`,
    models: ['*', 'openai/*'],
  },
  'several instances on Redis, with everything in variables': {
    yaml: `
model_list:
  - model_name: m
    litellm_params: { model: openai/m, api_base: os.environ/FAKE_BASE, api_key: my-fake-key }
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  coordination_redis: { host: os.environ/REDIS_HOST, port: os.environ/REDIS_PORT }
  use_redis_transaction_buffer: true
`,
    says: [/REDIS_HOST is not set/, /unsupported +general_settings\.use_redis_transaction_buffer/],
    models: ['m'],
  },
  'MCP servers and search tools': {
    yaml: 'model_list: []\nmcp_servers: { deepwiki: { url: https://mcp.example } }\nsearch_tools: [{ search_tool_name: s }]\n',
    says: [/unsupported +mcp_servers: /, /unsupported +search_tools: /],
    models: [],
  },
  guardrails: {
    yaml: 'model_list: []\nguardrails: [{ guardrail_name: g, litellm_params: { guardrail: presidio, mode: pre_call } }]\n',
    says: [/unsupported +guardrails: .*would weaken security/],
  },
  'authentication by the operator’s own code': {
    yaml: 'model_list: []\ngeneral_settings: { custom_auth: custom_auth_auto.user_api_key_auth, public_routes: ["/api/*"] }\n',
    says: [/error +general_settings\.custom_auth: no such module/],
  },
  'JWT sign-in, flat and nested': {
    yaml: 'model_list: []\ngeneral_settings:\n  enable_jwt_auth: True\n  jwt_public_key_url: https://idp.example/jwks.json\n  jwt_audience: a\n  litellm_jwtauth: { admin_jwt_scope: litellm-proxy-admin, public_key_ttl: 600 }\n',
    models: [],
  },
  'OAuth2 sign-in': {
    yaml: 'model_list: []\ngeneral_settings:\n  enable_oauth2_auth: true\n  oauth_token_info_endpoint: https://idp.example/token_info\n  oauth_client_id: c\n  oauth_client_secret: s\n',
    models: [],
  },
  'OAuth2 proxy headers': {
    yaml: 'general_settings:\n  enable_oauth2_proxy_auth: true\n  oauth2_config_mappings: { user_id: X-Auth-User, models: X-Models }\n',
    says: [/error +general_settings\.enable_oauth2_proxy_auth: .*trusted_proxy_ranges/],
  },
  'a misspelt guard': {
    yaml: 'model_list: []\ngeneral_settings: { allowed_ip: ["10.0.0.0/8"] }\n',
    says: [/general_settings\.allowed_ip: .*allowed_ips/],
  },
  'a misspelt nicety': {
    yaml: 'model_list: []\nlitellm_settings: { requst_timeout: 5 }\n',
    says: [/unknown +litellm_settings\.requst_timeout: .*request_timeout/],
    models: [],
  },
  'a wrong type': {
    yaml: 'model_list: []\nlitellm_settings: { num_retries: many }\n',
    says: [/error +litellm_settings\.num_retries: /],
  },
};

const shapes = Object.entries(SHAPES);
const fileOf = (name: string) => `${name.replaceAll(/\W+/g, '-')}.yaml`;

describe.each(shapes.filter(([, { models }]) => models !== undefined))(
  'a configuration with %s',
  (name, shape) => {
    it('is understood, tells what does nothing yet, and starts', async () => {
      const report = await check(write(fileOf(name), shape.yaml));
      for (const sentence of shape.says ?? []) expect(report.output).toMatch(sentence);
      expect(report.exitCode).toBe(0);
      expect(await withProduct({ config: shape.yaml }, modelsOf)).toEqual(shape.models);
    });
  },
);

describe.each(shapes.filter(([, { models }]) => models === undefined))(
  'a configuration with %s',
  (name, shape) => {
    it('is refused by the check and by the start, with the path and the reason', async () => {
      const file = write(fileOf(name), shape.yaml);
      const report = await check(file);
      for (const sentence of shape.says ?? []) expect(report.output).toMatch(sentence);
      expect(report.exitCode).toBe(1);
      const start = await runTollgate(['--config', file, '--port', '0', '--data-dir', join(folder, 'never')]);
      expect(start.exitCode).toBe(1);
      expect(start.output).toMatch(/The configuration cannot be used/);
      const refusal = report.output.split('\n').find((line) => /^(error|unsupported|unknown) /.test(line));
      expect(start.output).toContain(refusal?.slice(12).split(':')[0]?.trim());
    });
  },
);

describe('what a refused model says', () => {
  it('names the provider that is not there yet', async () => {
    const shape = SHAPES['providers that are not there yet beside one that is'];
    await withProduct({ config: shape?.yaml ?? '' }, async (product) => {
      const answer = await chat(product, 'bedrock-sonnet');
      expect(answer.status).toBe(400);
      expect(await answer.text()).toMatch(/bedrock/);
    });
  });
});

describe('where values come from', () => {
  const model = (apiKey: string) => ({ model: 'openai/up', api_base: provider.url, api_key: apiKey });

  it('reads .env in the working folder; the process environment wins; others’ eyes are warned about', async () => {
    const config = {
      model_list: [
        { model_name: 'from-file', litellm_params: model('os.environ/KEY_OF_FILE') },
        { model_name: 'from-process', litellm_params: model('os.environ/KEY_OF_BOTH') },
      ],
      general_settings: { master_key: 'os.environ/LITELLM_MASTER_KEY' },
    };
    const env =
      'LITELLM_MASTER_KEY=a-master-key-out-of-the-env-file\nKEY_OF_FILE="sk-of-the-file"\nKEY_OF_BOTH=sk-loses\n';
    await withProduct(
      { config, masterKey: null, files: { '.env': env }, env: { KEY_OF_BOTH: 'sk-wins' } },
      async (product) => {
        for (const name of ['from-file', 'from-process'])
          expect((await chat(product, name, 'a-master-key-out-of-the-env-file')).status).toBe(200);
        expect(provider.requests.slice(-2).map(({ headers }) => headers.authorization)).toEqual([
          'Bearer sk-of-the-file',
          'Bearer sk-wins',
        ]);
        expect(product.logs).not.toMatch(/chmod 600 \.env/);
        chmodSync(join(product.folder, '.env'), 0o644);
        const doctor = await runTollgate(['doctor'], { cwd: product.folder });
        expect(doctor.output).toMatch(
          /\.env: other users of this machine can read this file; run: chmod 600 \.env/,
        );
        expect(doctor.output + product.logs).not.toMatch(/sk-of-the-file|sk-wins|a-master-key-out/);
      },
    );
  });

  it('puts included files, variables of the file and shared credentials together', async () => {
    const main = `
include: [models.yaml]
environment_variables: { UPSTREAM_KEY: sk-of-the-section }
credential_list:
  - credential_name: shared
    credential_values: { api_key: os.environ/UPSTREAM_KEY, api_base: "${provider.url}" }
model_list:
  - model_name: here
    litellm_params: { model: openai/here, litellm_credential_name: shared }
`;
    const included =
      'model_list:\n  - model_name: there\n    litellm_params: { model: openai/there, litellm_credential_name: shared }\n';
    await withProduct({ config: main, files: { 'models.yaml': included } }, async (product) => {
      expect(await modelsOf(product)).toEqual(['here', 'there']);
      expect((await chat(product, 'there')).status).toBe(200);
      expect(provider.requests.at(-1)?.headers.authorization).toBe('Bearer sk-of-the-section');
    });
    expect((await check(write('lonely.yaml', 'include: [nowhere.yaml]\n'))).output).toMatch(
      /nowhere\.yaml.*cannot be read/,
    );
  });

  it('refuses a guard whose variable is not set, and takes it when it is', async () => {
    const file = write(
      'guard.yaml',
      'model_list: []\ngeneral_settings: { allowed_ips: [os.environ/OFFICE_NETWORK] }\n',
    );
    const without = await check(file);
    expect(without.exitCode).toBe(1);
    expect(without.output).toMatch(
      /general_settings\.allowed_ips\.0: this setting restricts access and the variable it names is not set/,
    );
    expect((await check(file, { OFFICE_NETWORK: '10.0.0.0/8' })).exitCode).toBe(0);
  });

  /** The check that says a file is good, and the start that then refuses it, must not be two opinions. */
  it('says what a file would open to everybody, as the start does', async () => {
    const opening = (...routes: string[]): string =>
      write('open.yaml', `model_list: []\ngeneral_settings: { public_routes: ${JSON.stringify(routes)} }\n`);
    const unsafe = await check(opening('/key/*', '/v1/chat/completions'));
    expect(unsafe.exitCode).toBe(1);
    expect(unsafe.output).toMatch(/error +general_settings\.public_routes: would open .*POST \/key\//);
    expect(unsafe.output).toContain('would not start');
    expect((await check(opening('LiteLLMRoutes.public_routes', '/v1/models'))).exitCode).toBe(0);
    const taken = write(
      'taken.yaml',
      'general_settings: { pass_through_endpoints: [{ path: /key/list, target: "https://up.example" }] }\n',
    );
    expect((await check(taken)).output).toMatch(/error .*\/key\/list stands in the way of GET \/key\/list/);
  });

  it('takes the store from the file, and the environment before it, with one notice', async () => {
    const config = {
      model_list: [],
      general_settings: { database_url: 'postgresql://nobody@127.0.0.1:9/nothing' },
    };
    await withProduct({ config }, async (product) => {
      expect((await product.request('GET', '/key/list')).status).toBe(200);
      expect(product.logs.match(/database_url/g)).toHaveLength(1);
    });
  });
});

/** A folder of real files, for whoever has one: each must start, or say which feature keeps it from starting. */
const samples = process.env.TOLLGATE_CONFIG_SAMPLES;
if (samples === undefined) {
  process.stdout.write(
    'TOLLGATE_CONFIG_SAMPLES names no folder: only configurations of our own are checked\n',
  );
}
const sampleFiles = samples === undefined ? [] : readdirSync(samples).filter((name) => /\.ya?ml$/.test(name));

describe.each(sampleFiles)('%s of TOLLGATE_CONFIG_SAMPLES', (name) => {
  it('starts, or says precisely what is not there yet', async () => {
    const file = join(samples ?? '', name);
    const report = await check(file);
    if (report.exitCode !== 0) {
      expect(report.output).toMatch(
        /^(?:error|unsupported|unknown) +[\w.-]+: .*(?:not there yet, and to ignore|expected)/m,
      );
      return;
    }
    await withProduct({ config: readFileSync(file, 'utf8') }, async (product) => {
      expect((await product.request('GET', '/v1/models')).status).toBe(200);
    });
  });
});
