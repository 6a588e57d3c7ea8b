import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandRun, runTollgate } from '../harness/command.js';
import { GovernedProduct, type Json } from '../harness/governed-product.js';

const SECRET = 'sk-upstream-secret-of-the-imported-file-0001';
const SALT = 'the-salt-of-the-store-that-is-imported-into';

let own: GovernedProduct;
const folder = mkdtempSync(join(tmpdir(), 'tollgate-import-file-'));
const file = join(folder, 'proxy_config.yaml');

beforeAll(async () => {
  own = await GovernedProduct.start(() => ({ model_list: [] }), {
    env: { LITELLM_SALT_KEY: SALT, UPSTREAM_KEY: SECRET },
  });
  write();
});
afterAll(async () => {
  await own.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** A file as LiteLLM's users have it: a named credential, two deployments of one name, settings beside them. */
function write(rpm = 5): void {
  writeFileSync(
    file,
    `credential_list:
  - credential_name: upstream
    credential_values: { api_key: os.environ/UPSTREAM_KEY, api_base: "${own.provider.url}/v1" }
    credential_info: { custom_llm_provider: openai }
  - credential_name: unset
    credential_values: { api_key: os.environ/NOWHERE_SET }
model_list:
  - model_name: imported
    litellm_params: { model: openai/first, litellm_credential_name: upstream }
  - model_name: imported
    litellm_params: { model: openai/second, api_key: os.environ/UPSTREAM_KEY, api_base: "${own.provider.url}/v1", rpm: ${rpm} }
    model_info: { id: named-by-hand, access_groups: [beta] }
litellm_settings:
  drop_params: true
`,
  );
}

function bring(...flags: string[]): Promise<CommandRun> {
  return runTollgate(['import', '--data-dir', own.product.dataDir, '--from', file, ...flags], {
    env: {
      DATABASE_URL: own.database.url.reveal(),
      LITELLM_MASTER_KEY: own.product.masterKey,
      LITELLM_SALT_KEY: SALT,
      UPSTREAM_KEY: SECRET,
    },
    cwd: folder,
  });
}

async function rows(): Promise<Json[]> {
  return own.database.dataSource.query('SELECT id, model_name FROM proxy_models ORDER BY id');
}

describe('tollgate import --from a configuration file', () => {
  it('says in a dry run what it would bring, and writes nothing', async () => {
    const { output, exitCode } = await bring('--dry-run');
    expect(exitCode, output).toBe(0);
    for (const line of [
      'Dry run',
      'credentials: 1 new',
      'models: 2 new',
      'stay in the file',
      'litellm_settings',
    ])
      expect(output).toContain(line);
    expect(output).toMatch(/credentials: name a variable that is not set here: unset/);
    expect(output).not.toContain(SECRET);
    expect(await rows()).toEqual([]);
  });

  it('brings models that the running gateway serves, and keeps their secrets sealed', async () => {
    const { output, exitCode } = await bring();
    expect(exitCode, output).toBe(0);
    const ask = () => own.chat(own.product.masterKey, { model: 'imported' });
    await expect.poll(async () => (await ask()).status, { timeout: 5_000 }).toBe(200);
    expect(own.provider.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${SECRET}`);
    const stored: Json[] = await own.database.dataSource.query(
      'SELECT to_jsonb(c) AS row FROM credentials c UNION ALL SELECT to_jsonb(m) FROM proxy_models m',
    );
    expect(JSON.stringify(stored)).not.toContain(SECRET);
    expect((await rows()).map(({ model_name: name }) => name as string)).toEqual(['imported', 'imported']);
  });

  it('run again changes nothing', async () => {
    const { output } = await bring();
    expect(output).toContain('models: 0 new, 0 changed, 2 the same');
    expect(output).toContain('credentials: 0 new, 0 changed, 1 the same');
    expect(await rows()).toHaveLength(2);
  });

  it('changes the model whose parameters changed, and makes no second one', async () => {
    write(7);
    expect((await bring('--dry-run')).output).toContain('imported (named-by-hand) (params)');
    expect((await bring()).output).toContain('models: 0 new, 1 changed, 1 the same');
    expect(await rows()).toHaveLength(2);
  });

  it('refuses a file that it cannot read, and says where', async () => {
    writeFileSync(file, 'model_list:\n  - model_name: only-a-name\n');
    const { output, exitCode } = await bring();
    expect(exitCode).toBe(1);
    expect(output).toContain('model_list.0');
    expect(await rows()).toHaveLength(2);
  });
});
