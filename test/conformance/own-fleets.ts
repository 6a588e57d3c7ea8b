import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { FakeProvider } from '../harness/fake-provider.js';
import { modelEntry } from '../harness/governed-product.js';
import { ask, keepAlive, type Seen } from '../harness/load.js';
import { createTestDatabase } from '../harness/postgres.js';
import { MASTER_KEY, Product } from '../harness/product.js';
import { Replicas, tally } from '../harness/replicas.js';

/**
 * `npm run conformance`: what is promised of limits, shares and budgets, on fleets of its own; about seven minutes, all at once, and
 * most of it waiting. `-- own limits,shares,agents` for some.
 */
const parts = (process.argv[2] ?? 'limits,shares,agents').split(',');
const WINDOW_MS = 60_000;
const agent = keepAlive();
let failed = false;

function tell(what: string, isMet: boolean, figures: string): void {
  failed ||= !isMet;
  process.stdout.write(`| ${what} | ${figures} | ${isMet ? 'met' : 'NOT MET'} |\n`);
}

/** The kit itself, pointed at replicas. */
async function limits(replicas: number): Promise<void> {
  const name = replicas === 0 ? '1 process, in memory' : `${replicas} on Redis`;
  const { urls, dispose } = await startFleet(replicas);
  try {
    const kit = fileURLToPath(new URL('limits.mjs', import.meta.url));
    const args = [kit, '--base-url', urls.join(','), '--master-key', MASTER_KEY, '--together'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += String(text)));
    const code = await new Promise((resolve) => child.once('close', resolve));
    for (const line of output.trim().split('\n')) {
      const [scenario = '', ...figures] = line.split(': ');
      tell(`limit 100/60 s, ${name}: ${scenario}`, code === 0, figures.join(': '));
    }
  } finally {
    await dispose();
  }
}

async function startFleet(
  replicas: number,
  more: object = {},
): Promise<{ urls: string[]; provider: FakeProvider; first: Product; dispose: () => Promise<void> }> {
  const config = (provider: FakeProvider): object => ({
    model_list: [
      modelEntry('m', provider),
      modelEntry('mixed', provider, { rpm: 200 }),
      modelEntry('late', provider, { rpm: 200 }),
      modelEntry('agent', provider, { input_cost_per_token: 0.000005, output_cost_per_token: 0.000025 }),
    ],
    router_settings: { num_retries: 0, disable_cooldowns: true },
    ...more,
  });
  if (replicas > 0) {
    const fleet = await Replicas.start(replicas, config);
    const urls = fleet.products.map(({ url }) => url);
    return { urls, provider: fleet.provider, first: fleet.product(0), dispose: () => fleet.dispose() };
  }
  const [provider, database] = await Promise.all([FakeProvider.start(), createTestDatabase()]);
  const product = await Product.start({ config: config(provider), databaseUrl: database.url.reveal() });
  const dispose = async (): Promise<void> => {
    await product.dispose();
    await provider.stop();
    await database.drop();
  };
  return { urls: [product.url], provider, first: product, dispose };
}

const SHARES = {
  litellm_settings: {
    callbacks: ['dynamic_rate_limiter_v3'],
    priority_reservation: { premium: 0.75, standard: 0.25 },
    priority_reservation_settings: { saturation_threshold: 0.8 },
  },
};

interface Sent {
  readonly atMs: number;
  readonly seen: Seen;
}

/** Two classes of callers on a model of 200 requests a minute, over two replicas. */
async function shares(): Promise<void> {
  const { urls, first, dispose } = await startFleet(2, SHARES);
  try {
    const keys = {
      premium: await first.makeKey({ metadata: { priority: 'premium' } }),
      standard: await first.makeKey({ metadata: { priority: 'standard' } }),
    };
    const began = performance.now();
    let turn = 0;
    const call = async (who: keyof typeof keys, model: string): Promise<Sent> => {
      const atMs = performance.now() - began;
      const body = { model, max_tokens: 1, messages: [{ role: 'user', content: 'hi' }] };
      const url = urls[(turn += 1) % urls.length] ?? '';
      return { atMs, seen: await ask(url, { key: keys[who], id: `${who}-${turn}`, agent, body }) };
    };
    await Promise.all([mixed(call), late(call)]);
  } finally {
    await dispose();
  }
}

type Call = (who: 'premium' | 'standard', model: string) => Promise<Sent>;

/** Both ask three times their share, evenly: 450 and 150 a minute, for six windows. */
async function mixed(call: Call): Promise<void> {
  const WINDOWS = 6;
  const lane = async (who: 'premium' | 'standard', perMinute: number): Promise<number[]> => {
    const began = performance.now();
    const calls: Promise<Sent>[] = [];
    for (let i = 0; i < perMinute * WINDOWS; i += 1) {
      await delay(Math.max(0, began + (i * WINDOW_MS) / perMinute - performance.now()));
      calls.push(call(who, 'mixed'));
    }
    const admitted = Array.from({ length: WINDOWS }, () => 0);
    for (const { atMs, seen } of await Promise.all(calls)) {
      const window = Math.floor(atMs / WINDOW_MS);
      if (seen.status === 200) admitted[window] = (admitted[window] ?? 0) + 1;
    }
    return admitted.slice(1);
  };
  const [premium, standard] = await Promise.all([lane('premium', 450), lane('standard', 150)]);
  const worst = Math.min(...premium.map((one) => one / 150), ...standard.map((one) => one / 50));
  tell(
    'shares 0.75 and 0.25 of 200 a minute, two replicas, both at three times theirs',
    worst >= 0.95,
    `per window ${premium.join(', ')} and ${standard.join(', ')}: at worst ${worst.toFixed(3)} of a share`,
  );
}

/** 400 of the standard class at once, then 400 of the premium class. */
async function late(call: Call): Promise<void> {
  const storm = async (who: 'premium' | 'standard'): Promise<number> => {
    const seen = await Promise.all(Array.from({ length: 400 }, () => call(who, 'late')));
    return tally(seen.map((one) => one.seen))[200] ?? 0;
  };
  const standard = await storm('standard');
  const premium = await storm('premium');
  tell(
    '400 standard first, then 400 premium',
    standard <= 162 && premium === 200 - standard,
    `standard ${standard} of 160, premium ${premium}: all the rest`,
  );
}

/** Twenty calls of an agent's shape at once, on a budget that pays all of them and not their bounds. */
async function agents(replicas: number): Promise<void> {
  const { urls, provider, first, dispose } = await startFleet(replicas);
  try {
    provider.behaveFor('up-agent', { promptTokens: 100_000, completionTokens: 500, firstByteDelayMs: 300 });
    const key = await first.makeKey({ max_budget: 25 });
    const prompt = 'the quick brown fox jumps '.repeat(15_500);
    const body = { model: 'agent', max_tokens: 32_000, messages: [{ role: 'user', content: prompt }] };
    const seen = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ask(urls[i % urls.length] ?? '', { key, id: `agent-${i}`, agent, body }),
      ),
    );
    const clamped = seen.filter(({ headers }) => 'x-tollgate-max-tokens-clamped' in headers).length;
    const refused = seen.filter(({ status }) => status !== 200).length;
    const waits = seen.map(({ headers }) => Number(headers['x-tollgate-waited-ms'] ?? 0));
    const spent = provider.requests.length * (100_000 * 0.000005 + 500 * 0.000025);
    tell(
      `20 agents on $25, ${replicas === 0 ? 'in memory' : `${replicas} replicas on Redis`}`,
      refused === 0 && clamped === 0 && spent <= 25,
      `refused ${refused}, clamped ${clamped}, spent $${spent.toFixed(2)}, longest wait ${Math.max(...waits)} ms`,
    );
  } finally {
    await dispose();
  }
}

process.stdout.write('| what | figures | |\n|---|---|---|\n');
const running: Promise<void>[] = [];
if (parts.includes('limits')) for (const replicas of [0, 1, 2, 4]) running.push(limits(replicas));
if (parts.includes('shares')) running.push(shares());
// Its prompts are large: beside the others they would only measure the machine.
if (parts.includes('agents')) for (const replicas of [0, 2]) await agents(replicas);
await Promise.all(running);
agent.destroy();
process.exit(failed ? 1 : 0);
