import { Inject, Injectable, Optional } from '@nestjs/common';
import { Config, type ConfigTree } from '#libs/config';
import type { Deployment } from '#libs/routing';
import { decimalOf } from './decimal.js';
import { findOverrideTiers } from './overrides.js';
import { findPublishedModel, type PublishedModel, publishedModelsOf, publishedVersion } from './published.js';
import {
  adjustedTiers,
  type Adjustment,
  type CompiledRates,
  compileRates,
  type RateTable,
  type RateTier,
  ZERO,
} from './rates.js';

type Margin = ConfigTree['pricing']['margins'][string];

/** What is known about the money of one deployment. */
export interface DeploymentPrice {
  /** What a ledger entry says its price came from: the list's version, and `+config` when the deployment sets its own. */
  readonly version: string;
  /** Tokens of input the model can take, when known. */
  readonly contextWindow: number | undefined;
  /** The rates at an instant; undefined: nobody knows the price. */
  ratesAt(nowMs: number): CompiledRates | undefined;
  /** The rates before the operator's discount, and after it without his margin; absent where he has neither. */
  readonly before?: {
    listAt(nowMs: number): CompiledRates | undefined;
    discountedAt(nowMs: number): CompiledRates | undefined;
    readonly marginShare: number;
  };
}

/**
 * Prices of deployments: their own first, then their `baseModel`, then the published list. Compiled on first use and kept
 * as long as the deployment object lives; a changed configuration makes new deployments, hence new prices.
 */
@Injectable()
export class PriceBook {
  readonly #compiled = new WeakMap<Deployment, DeploymentPrice>();
  readonly #published = new Map<string, PublishedModel | undefined>();
  readonly version = publishedVersion();
  readonly #pricing: ConfigTree['pricing'];

  constructor(@Optional() @Inject(Config) config?: Config) {
    this.#pricing = config?.pricing ?? { discounts: {}, margins: {} };
  }

  /** Costs one map look-up once compiled. `upstreamModel`: the real name, for wildcard deployments. Throws RangeError when the configured price is none. */
  priceOf(deployment: Deployment, upstreamModel: string = deployment.upstreamModel): DeploymentPrice {
    if (upstreamModel !== deployment.upstreamModel) return this.#compile(deployment, upstreamModel);
    let price = this.#compiled.get(deployment);
    if (!price) this.#compiled.set(deployment, (price = this.#compile(deployment, upstreamModel)));
    return price;
  }

  /** What the published list says of every model of a provider at an instant. Reads the whole list: not for the way of a call. */
  listOf(
    provider: string,
    nowMs: number,
  ): { id: string; contextWindow: number | undefined; rates: CompiledRates | undefined }[] {
    return publishedModelsOf(provider).map(({ id, contextWindow, prices }) => ({
      id,
      contextWindow,
      rates: ratesOf(prices)(nowMs),
    }));
  }

  #compile(deployment: Deployment, upstreamModel: string): DeploymentPrice {
    const published = this.#find(deployment, upstreamModel);
    const own = findOverrideTiers(deployment.prices);
    const listed = (published?.prices ?? []).map(({ applies, tiers }) => ({
      applies,
      tiers: own ? overlaid(tiers, own) : tiers,
    }));
    if (listed.length === 0 && own) listed.push({ applies: () => true, tiers: startingAtZero(own) });
    const adjustment = this.#adjustmentOf(deployment.provider);
    const versions = [this.version, ...(own ? ['config'] : []), ...(adjustment ? ['adjusted'] : [])];
    const price = {
      version: versions.join('+'),
      contextWindow: deployment.maxInputTokens ?? published?.contextWindow,
    };
    if (adjustment === undefined) return { ...price, ratesAt: ratesOf(listed) };
    const after = (by: Adjustment) =>
      ratesOf(listed.map(({ applies, tiers }) => ({ applies, tiers: adjustedTiers(tiers, by) })));
    return {
      ...price,
      ratesAt: after(adjustment),
      before: {
        listAt: ratesOf(listed),
        discountedAt: after({ ...adjustment, margin: ZERO, perRequestNanoUsd: 0n }),
        marginShare: this.#marginOf(deployment.provider)?.share ?? 0,
      },
    };
  }

  #marginOf(provider: string): Margin | undefined {
    const { margins } = this.#pricing;
    return Object.hasOwn(margins, provider) ? margins[provider] : margins['global'];
  }

  #adjustmentOf(provider: string): Adjustment | undefined {
    const { discounts } = this.#pricing;
    const discount = Object.hasOwn(discounts, provider) ? discounts[provider] : undefined;
    const margin = this.#marginOf(provider);
    if (discount === undefined && margin === undefined) return undefined;
    return {
      discount: decimalOf(discount ?? 0),
      margin: decimalOf(margin?.share ?? 0),
      perRequestNanoUsd: margin?.perRequestNanoUsd ?? 0n,
    };
  }

  #find(deployment: Deployment, upstreamModel: string): PublishedModel | undefined {
    const name = deployment.baseModel ?? upstreamModel;
    const slash = name.indexOf('/');
    const inOwnList = this.#look(deployment.provider, name);
    if (inOwnList || slash < 1) return inOwnList;
    // `azure/gpt-4o` as a base model names its provider.
    return this.#look(name.slice(0, slash), name.slice(slash + 1));
  }

  #look(provider: string, model: string): PublishedModel | undefined {
    const key = `${provider}\n${model}`;
    if (this.#published.has(key)) return this.#published.get(key);
    // Wildcard deployments bring names from callers: bounded, because a map that strangers fill is a leak.
    if (this.#published.size >= 5_000) this.#published.clear();
    const found = findPublishedModel(provider, model);
    this.#published.set(key, found);
    return found;
  }
}

/**
 * The deployment's own prices over the published ones. A direction whose main price is set is the deployment's alone: the
 * list's price of cached tokens says nothing about somebody who negotiated input.
 */
function overlaid(published: readonly RateTier[], own: readonly RateTier[]): RateTier[] {
  const base = own.find(({ above }) => above === 0)?.rates ?? {};
  const dropped = new Set<string>();
  if (base.input)
    for (const name of ['input', 'cacheRead', 'cacheWrite', 'cacheWriteHour', 'inputAudio', 'inputImage'])
      dropped.add(name);
  if (base.output)
    for (const name of ['output', 'reasoning', 'outputAudio', 'outputImage']) dropped.add(name);
  const merged = new Map<number, RateTable>();
  for (const { above, rates } of published) {
    merged.set(above, Object.fromEntries(Object.entries(rates).filter(([name]) => !dropped.has(name))));
  }
  for (const { above, rates } of own) merged.set(above, { ...merged.get(above), ...rates });
  return [...merged].map(([above, rates]) => ({ above, rates }));
}

interface Listed {
  readonly applies: (nowMs: number) => boolean;
  readonly tiers: readonly RateTier[];
}

/** Compiled once; nearly every price has one variant for all times. */
function ratesOf(listed: readonly Listed[]): (nowMs: number) => CompiledRates | undefined {
  const variants = listed.map(({ applies, tiers }) => ({ applies, rates: compileRates(tiers) }));
  const only = variants.length === 1 ? variants[0]?.rates : undefined;
  return (nowMs) => only ?? variants.findLast(({ applies }) => applies(nowMs))?.rates ?? variants[0]?.rates;
}

function startingAtZero(tiers: RateTier[]): RateTier[] {
  return tiers.some(({ above }) => above === 0) ? tiers : [{ above: 0, rates: {} }, ...tiers];
}
