import { readFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  calcPrice,
  type ConditionalPrice,
  findProvider,
  type ModelInfo,
  type ModelPrice,
} from '@pydantic/genai-prices';
import { decimalOf, shift } from './decimal.js';
import { finest, type RateName, type RateTable, type RateTier } from './rates.js';

/** Our provider names (LiteLLM's `provider/model`) as the published price list calls them, where they differ. */
const PROVIDERS: Readonly<Record<string, string>> = {
  bedrock: 'aws',
  bedrock_converse: 'aws',
  vertex_ai: 'google',
  vertex_ai_beta: 'google',
  gemini: 'google',
  together_ai: 'together',
  xai: 'x-ai',
  fireworks_ai: 'fireworks',
  azure_ai: 'azure',
  moonshot: 'moonshotai',
  voyage: 'voyageai',
  github_copilot: 'github-copilot',
  text_completion_openai: 'openai',
};

/** Price key of the list -> our rate, and how many units (power of ten) one price is for. */
const KEYS: Readonly<Record<string, readonly [RateName, number]>> = {
  input_mtok: ['input', 6],
  output_mtok: ['output', 6],
  cache_read_mtok: ['cacheRead', 6],
  cache_write_mtok: ['cacheWrite', 6],
  cache_write_1h_mtok: ['cacheWriteHour', 6],
  output_reasoning_mtok: ['reasoning', 6],
  input_audio_mtok: ['inputAudio', 6],
  output_audio_mtok: ['outputAudio', 6],
  input_image_mtok: ['inputImage', 6],
  output_image_mtok: ['outputImage', 6],
  requests_kcount: ['request', 3],
};

const NO_TOKENS = { input_tokens: 0, output_tokens: 0 };

/** One published price and when it applies (`always`, from a date on, or at a time of day in UTC). The last that applies wins. */
export interface PublishedPrice {
  readonly applies: (nowMs: number) => boolean;
  readonly tiers: readonly RateTier[];
}

export interface PublishedModel {
  readonly id: string;
  readonly contextWindow?: number;
  readonly prices: readonly PublishedPrice[];
}

/** The published list's entry for a model of a provider; undefined when the list does not know it. */
export function findPublishedModel(provider: string, model: string): PublishedModel | undefined {
  const providerId = PROVIDERS[provider] ?? provider;
  const found = calcPrice(NO_TOKENS, model, { providerId });
  return found ? toModel(found.model) : undefined;
}

/** Everything the published list says of a provider; empty for one it does not know. */
export function publishedModelsOf(provider: string): PublishedModel[] {
  const providerId = PROVIDERS[provider] ?? provider;
  return (findProvider({ providerId })?.models ?? []).map(toModel);
}

/** The list's version, for ledger entries: the package's and a hash of its data, so that a price can be explained years later. */
export function publishedVersion(): string {
  const entry = fileURLToPath(import.meta.resolve('@pydantic/genai-prices'));
  const source = readFileSync(entry, 'utf8');
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.resolve('@pydantic/genai-prices')), 'utf8'),
  );
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest
      ? String(manifest.version)
      : 'unknown';
  return `genai-prices@${version}+${hash('sha256', source).slice(0, 12)}`;
}

function toModel(model: ModelInfo): PublishedModel {
  const prices = Array.isArray(model.prices)
    ? model.prices.map((each) => ({ applies: whenApplies(each), tiers: toTiers(each.prices) }))
    : [{ applies: () => true, tiers: toTiers(model.prices) }];
  return {
    id: model.id,
    ...(model.context_window === undefined ? {} : { contextWindow: model.context_window }),
    prices,
  };
}

function whenApplies({ constraint }: ConditionalPrice): (nowMs: number) => boolean {
  if (constraint === undefined) return () => true;
  if (constraint.type === 'start_date') {
    const fromMs = Date.parse(constraint.start_date);
    return (nowMs) => nowMs >= fromMs;
  }
  const from = secondsOfDay(constraint.start_time);
  const to = secondsOfDay(constraint.end_time);
  return (nowMs) => {
    const second = Math.floor(nowMs / 1000) % 86_400;
    return to < from ? second >= from || second < to : second >= from && second < to;
  };
}

function secondsOfDay(text: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace('Z', '').split(':').map(Number);
  return hours * 3600 + minutes * 60 + seconds;
}

function toTiers(price: ModelPrice): RateTier[] {
  const tiers = new Map<number, RateTable>([[0, {}]]);
  for (const [key, value] of Object.entries(price)) {
    const known = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (!known || value === undefined) continue;
    const [name, places] = known;
    const steps = typeof value === 'number' ? [] : value.tiers;
    for (const [above, amount] of [
      [0, typeof value === 'number' ? value : value.base] as const,
      ...steps.map((step) => [step.start, step.price] as const),
    ]) {
      const rates = tiers.get(above) ?? {};
      rates[name] = finest(shift(decimalOf(amount), places - 9));
      tiers.set(above, rates);
    }
  }
  return [...tiers].map(([above, rates]) => ({ above, rates }));
}
