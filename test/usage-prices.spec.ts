import { describe, expect, it } from 'vitest';
import { costOf, PriceBook } from '#libs/budget';
import type { Usage } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { openAi } from './golden/openai-usages.js';
import { anthropic } from './golden/anthropic-usages.js';
import { bedrock, gemini, others, own } from './golden/other-usages.js';
import type { Golden, Part } from './golden/usages.js';

const book = new PriceBook();
const AT = Date.parse('2026-11-21T12:00:00Z');

/** Rationals, by nothing that the product uses: dollars per million tokens are thousands of nano-dollars a token. */
function nanoOf(parts: readonly Part[]): bigint {
  const scale = 10n ** 6n;
  let sum = 0n;
  for (const [tokens, price] of parts) {
    const [whole = '0', fraction = ''] = price.split('.');
    sum += BigInt(tokens) * BigInt(whole + fraction.padEnd(6, '0')) * 1_000n;
  }
  return (sum * 2n + scale) / (2n * scale);
}

function priced({ model, prices = {} }: Golden, usage: Usage): bigint {
  const slash = model.indexOf('/');
  const deployment = {
    provider: model.slice(0, slash),
    upstreamModel: model.slice(slash + 1),
    prices,
  } as Deployment;
  const rates = book.priceOf(deployment).ratesAt(AT);
  if (!rates) throw new Error(`no price of ${model}`);
  return costOf(rates, usage).totalNanoUsd;
}

const GOLDEN = [...own, ...openAi, ...anthropic, ...gemini, ...bedrock, ...others];

describe('a usage as the provider reports it, at its published price', () => {
  it('is a table of at least sixty', () => {
    expect(GOLDEN.length).toBeGreaterThanOrEqual(60);
  });

  it.each(GOLDEN.map((golden) => [`${golden.model}: ${golden.name}`, golden] as const))('%s', (_, golden) => {
    expect(golden.usage).toBeDefined();
    if (golden.usage) expect(priced(golden, golden.usage)).toBe(nanoOf(golden.parts));
  });
});
