import type { FakeProvider } from '../harness/fake-provider.js';

/** Dollars for one token, as people write them in a configuration. */
interface Tariff {
  readonly input: string;
  readonly output: string;
  readonly cached?: string;
}

/** What an operator takes off the price, puts on it, and adds to each call, in dollars or shares. */
interface Adjustment {
  readonly discount?: string;
  readonly margin?: string;
  readonly fixed?: string;
}

export type Route = 'chat' | 'responses' | 'messages' | 'embeddings' | 'completions';

export interface Model {
  readonly name: string;
  readonly routes: readonly Route[];
  readonly provider: string;
  /** Upstream models that serve it, each at its own price. */
  readonly upstreams: Readonly<Record<string, Tariff>>;
}

const TALK = ['chat', 'responses', 'completions'] as const;

/** Prices whose last digits tell which kind of token was miscounted, and some that are no whole nano-dollars. */
export const MODELS: readonly Model[] = [
  {
    name: 'plain',
    routes: TALK,
    provider: 'openai',
    upstreams: { 'up-plain': { input: '0.000003', output: '0.000015001' } },
  },
  {
    name: 'penny',
    routes: TALK,
    provider: 'openai',
    upstreams: {
      'up-penny': { input: '0.0000000375', output: '0.00000015', cached: '0.00000000125' },
    },
  },
  {
    name: 'dear',
    routes: TALK,
    provider: 'openai',
    upstreams: { 'up-dear': { input: '0.00001', output: '0.000070007' } },
  },
  { name: 'free', routes: TALK, provider: 'openai', upstreams: { 'up-free': { input: '0', output: '0' } } },
  {
    name: 'pair',
    routes: TALK,
    provider: 'openai',
    upstreams: {
      'up-pair-a': { input: '0.000002', output: '0.000011' },
      'up-pair-b': { input: '0.0000025', output: '0.000017' },
    },
  },
  {
    name: 'shaky',
    routes: TALK,
    provider: 'openai',
    upstreams: { 'up-shaky': { input: '0.000004', output: '0.00002' } },
  },
  {
    name: 'claude',
    routes: ['messages'],
    provider: 'anthropic',
    upstreams: { 'up-claude': { input: '0.000003', output: '0.000015', cached: '0.0000003' } },
  },
  {
    name: 'groq',
    routes: TALK,
    provider: 'groq',
    upstreams: { 'up-groq': { input: '0.00000059', output: '0.00000079' } },
  },
  {
    name: 'mistral',
    routes: TALK,
    provider: 'mistral',
    upstreams: { 'up-mistral': { input: '0.000002', output: '0.000006' } },
  },
  {
    name: 'embed',
    routes: ['embeddings'],
    provider: 'openai',
    upstreams: { 'up-embed': { input: '0.00000013', output: '0' } },
  },
];

const ADJUSTED: Readonly<Record<string, Adjustment>> = {
  groq: { discount: '0.05' },
  mistral: { discount: '0.1', margin: '0.25', fixed: '0.0000123' },
};

const CAPPED_PROVIDER = 'groq';
/** What everybody together may spend at one provider. */
const PROVIDER_CAP = '0.004';

/** Who stands in for whom. */
export const FALLBACK = { from: 'shaky', to: 'plain' } as const;

/** The whole configuration of a product that plays histories. */
export function configFor(provider: FakeProvider): object {
  return {
    model_list: MODELS.flatMap(({ name, provider: of, upstreams }) =>
      Object.entries(upstreams).map(([upstream, { input, output, cached }]) => ({
        model_name: name,
        litellm_params: {
          model: `${of}/${upstream}`,
          api_base: of === 'anthropic' ? provider.origin : provider.url,
          api_key: 'sk-upstream-of-the-histories-0001',
          input_cost_per_token: Number(input),
          output_cost_per_token: Number(output),
          ...(cached === undefined ? {} : { cache_read_input_token_cost: Number(cached) }),
          max_tokens: undefined,
        },
        model_info: { max_output_tokens: LONGEST_ANSWER },
      })),
    ),
    router_settings: {
      num_retries: 1,
      disable_cooldowns: true,
      fallbacks: [{ [FALLBACK.from]: [FALLBACK.to] }],
      provider_budget_config: {
        [CAPPED_PROVIDER]: { budget_limit: Number(PROVIDER_CAP), time_period: '30d' },
      },
    },
    litellm_settings: {
      max_budget: 1_000,
      budget_duration: '30d',
      cost_discount_config: shares('discount'),
      cost_margin_config: Object.fromEntries(
        Object.entries(ADJUSTED)
          .filter(([, { margin }]) => margin !== undefined)
          .map(([name, { margin, fixed }]) => [
            name,
            { percentage: Number(margin), fixed_amount: Number(fixed ?? 0) },
          ]),
      ),
    },
  };
}

/** The longest answer of every model, in tokens. */
export const LONGEST_ANSWER = 64;

function shares(which: 'discount'): Record<string, number> {
  return Object.fromEntries(
    Object.entries(ADJUSTED)
      .filter(([, one]) => one[which] !== undefined)
      .map(([name, one]) => [name, Number(one[which])]),
  );
}

export interface Tokens {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
}

const NANO = 9;

/**
 * What a usage costs in whole nano-dollars, worked out a second time, in fractions of any length: prices by tokens, less the
 * discount, plus the margin, plus what each call costs by itself; rounded half up, once.
 */
export function priceOf(upstream: string, { input, cached, output }: Tokens): bigint {
  const model = MODELS.find(({ upstreams }) => Object.hasOwn(upstreams, upstream));
  const tariff = model?.upstreams[upstream];
  if (model === undefined || tariff === undefined) throw new Error(`nobody sells ${upstream}`);
  const fresh = Math.max(0, input - cached);
  const sum = add(
    add(times(fraction(tariff.input), BigInt(fresh)), times(fraction(tariff.output), BigInt(output))),
    times(fraction(tariff.cached ?? tariff.input), BigInt(input - fresh)),
  );
  const { discount = '0', margin = '0', fixed = '0' } = ADJUSTED[model.provider] ?? {};
  const one: Fraction = { digits: 1n, decimals: 0 };
  const adjusted = multiply(
    multiply(sum, add(one, negative(fraction(discount)))),
    add(one, fraction(margin)),
  );
  return rounded(add(adjusted, fraction(fixed)));
}

/** The dearest any model charges for so many tokens: an upper bound without looking at prices of one. */
export function dearest(tokens: Tokens, names: readonly string[]): bigint {
  const prices = MODELS.filter(({ name }) => names.includes(name)).flatMap(({ upstreams }) =>
    Object.keys(upstreams).map((upstream) => priceOf(upstream, tokens)),
  );
  return prices.reduce((most, price) => (price > most ? price : most), 0n);
}

/** A dollar amount in nano-dollars. */
export function nano(dollars: string | number): bigint {
  return rounded(fraction(typeof dollars === 'number' ? plain(dollars) : dollars));
}

function plain(dollars: number): string {
  return String(dollars).includes('e') ? dollars.toFixed(15) : String(dollars);
}

interface Fraction {
  readonly digits: bigint;
  readonly decimals: number;
}

function fraction(text: string): Fraction {
  const [whole = '0', decimals = ''] = text.split('.');
  return { digits: BigInt(whole + decimals), decimals: decimals.length };
}

function add(a: Fraction, b: Fraction): Fraction {
  const decimals = Math.max(a.decimals, b.decimals);
  const scaled = (one: Fraction): bigint => one.digits * 10n ** BigInt(decimals - one.decimals);
  return { digits: scaled(a) + scaled(b), decimals };
}

function negative({ digits, decimals }: Fraction): Fraction {
  return { digits: -digits, decimals };
}

function multiply(a: Fraction, b: Fraction): Fraction {
  return { digits: a.digits * b.digits, decimals: a.decimals + b.decimals };
}

function times({ digits, decimals }: Fraction, count: bigint): Fraction {
  return { digits: digits * count, decimals };
}

function rounded({ digits, decimals }: Fraction): bigint {
  if (decimals <= NANO) return digits * 10n ** BigInt(NANO - decimals);
  const unit = 10n ** BigInt(decimals - NANO);
  return (digits * 2n + unit) / (unit * 2n);
}
