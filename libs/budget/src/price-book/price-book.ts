import type { Deployment } from '#libs/routing';
import { findOverrideTiers } from './overrides.js';
import { findPublishedModel, type PublishedModel, publishedVersion } from './published.js';
import { type CompiledRates, compileRates, type RateTable, type RateTier } from './rates.js';

/** What is known about the money of one deployment. */
export interface DeploymentPrice {
  /** What a ledger entry says its price came from: the list's version, and `+config` when the deployment sets its own. */
  readonly version: string;
  /** Tokens of input the model can take, when known. */
  readonly contextWindow: number | undefined;
  /** The rates at an instant; undefined: nobody knows the price. */
  ratesAt(nowMs: number): CompiledRates | undefined;
}

/**
 * Prices of deployments: their own first, then their `baseModel`, then the published list. Compiled on first use and kept
 * as long as the deployment object lives; a changed configuration makes new deployments, hence new prices.
 */
export class PriceBook {
  readonly #compiled = new WeakMap<Deployment, DeploymentPrice>();
  readonly #published = new Map<string, PublishedModel | undefined>();
  readonly version = publishedVersion();

  /** Costs one map look-up once compiled. `upstreamModel`: the real name, for wildcard deployments. Throws RangeError when the configured price is none. */
  priceOf(deployment: Deployment, upstreamModel: string = deployment.upstreamModel): DeploymentPrice {
    if (upstreamModel !== deployment.upstreamModel) return this.#compile(deployment, upstreamModel);
    let price = this.#compiled.get(deployment);
    if (!price) this.#compiled.set(deployment, (price = this.#compile(deployment, upstreamModel)));
    return price;
  }

  #compile(deployment: Deployment, upstreamModel: string): DeploymentPrice {
    const published = this.#find(deployment, upstreamModel);
    const own = findOverrideTiers(deployment.prices);
    const variants = (published?.prices ?? []).map(({ applies, tiers }) => ({
      applies,
      rates: compileRates(own ? overlaid(tiers, own) : tiers),
    }));
    if (variants.length === 0 && own)
      variants.push({ applies: () => true, rates: compileRates(startingAtZero(own)) });
    const only = variants.length === 1 ? variants[0]?.rates : undefined;
    return {
      version: own ? `${this.version}+config` : this.version,
      contextWindow: deployment.maxInputTokens ?? published?.contextWindow,
      ratesAt: (nowMs) =>
        only ?? variants.findLast(({ applies }) => applies(nowMs))?.rates ?? variants[0]?.rates,
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
    for (const name of ['input', 'cacheRead', 'cacheWrite', 'cacheWriteHour', 'inputAudio'])
      dropped.add(name);
  if (base.output) for (const name of ['output', 'reasoning', 'outputAudio']) dropped.add(name);
  const merged = new Map<number, RateTable>();
  for (const { above, rates } of published) {
    merged.set(above, Object.fromEntries(Object.entries(rates).filter(([name]) => !dropped.has(name))));
  }
  for (const { above, rates } of own) merged.set(above, { ...merged.get(above), ...rates });
  return [...merged].map(([above, rates]) => ({ above, rates }));
}

function startingAtZero(tiers: RateTier[]): RateTier[] {
  return tiers.some(({ above }) => above === 0) ? tiers : [{ above: 0, rates: {} }, ...tiers];
}
