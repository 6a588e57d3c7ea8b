import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createTestDatabase, type TestDatabase } from '../harness/postgres.js';
import { Product } from '../harness/product.js';

let database: TestDatabase;
let product: Product;

beforeAll(async () => {
  database = await createTestDatabase();
  product = await Product.start({ databaseUrl: database.url.reveal(), env: { JSON_LOGS: 'true' } });
});

afterAll(async () => {
  await product?.dispose();
  await database?.drop();
});

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const metrics = async (): Promise<string> => (await product.request('GET', '/metrics')).text();
const namesIn = (text: string): string[] => [
  ...new Set(text.match(/\b(?:litellm|tollgate|process|nodejs)_[a-z_]+[a-z]\b/g)),
];

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
}

describe('who watches over it', () => {
  /** A collector drops, or stops at, a line that it cannot parse. */
  it('reads JSON from the first line on, when it is to log JSON', async () => {
    await product.request('POST', '/v1/chat/completions', {}, 'sk-nobody-has-this-key');
    await expect.poll(() => product.logs).toContain('Authentication failed');
    const entries = product.logs
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { level: string; msg: string; url?: string });
    for (const { level, msg } of entries) expect(level && msg).toBeTruthy();
    expect(entries.find(({ msg }) => msg === 'listening')).toMatchObject({ url: product.url });
  });

  it('finds each metric that the rules and the docs name', async () => {
    const text = await metrics();
    const there = new Set(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [name, `${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
      ),
    );
    const { groups } = parse(read('docker/prometheus/alerts.yaml')) as Rules;
    const asked = namesIn(groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)).join('\n'));
    expect(asked.length).toBeGreaterThan(4);
    const documented = namesIn(read('docs/operations.md')).filter((name) =>
      /_(?:metric|state|total|entries|bytes|calls|keys)/.test(name),
    );
    expect(documented.length).toBeGreaterThan(10);
    expect([...asked, ...documented].filter((name) => !there.has(name))).toEqual([]);
    for (const name of there)
      if (!/_(?:bucket|count|sum)$/.test(name)) expect(text).toContain(`# HELP ${name} `);
  });

  /** Anybody can send names: each as a label of its own would fill the memory of the gateway and of Prometheus. */
  it('does not see what strangers call models and paths', async () => {
    const key = await product.makeKey();
    const call = async (names: string): Promise<number> => {
      for (let index = 0; index < 20; index += 1) {
        const body = { model: `${names}-${index}`, messages: [{ role: 'user', content: 'x' }] };
        await product.request('POST', '/v1/chat/completions', body, key);
        await product.request('POST', '/v1/chat/completions', body, `sk-${names}-${index}-0123456789`);
        await product.request('GET', `/${names}/${index}`);
      }
      const text = await metrics();
      expect(text).not.toContain(names);
      return text.match(/^(?:litellm|tollgate)_/gm)?.length ?? 0;
    };
    expect(await call('wild')).toBe(await call('strange'));
  });
});
