import { Controller, Header } from '@nestjs/common';
import { PriceBook } from '#libs/budget';
import { Config } from '#libs/config';
import { Clock } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { PROVIDERS } from '#libs/routing';
import { LiveCatalogue } from '#libs/runtime';
import { z } from 'zod';
import { dollarsOf, ModelAnswers } from './model-answers.js';

/** Prices of the published list change with the product, and by the hour of the day at a few providers. */
const COST_MAP_KEPT_MS = 600_000;
/** Providers whose models go by their bare name in a cost map. */
const BARE_NAMES: ReadonlySet<string> = new Set(['openai', 'anthropic']);

/**
 * What anybody may read, without a credential: the model groups that the operator made public, which providers there are, and
 * the published prices. Nothing of the operator's own prices, addresses or other models.
 */
@Controller()
export class PublicModelsController {
  #costMap: { readonly body: object; readonly until: number } | undefined;

  constructor(
    private readonly config: Config,
    private readonly live: LiveCatalogue,
    private readonly answers: ModelAnswers,
    private readonly prices: PriceBook,
    private readonly clock: Clock,
  ) {}

  /** Those of `litellm_settings.public_model_groups`; a model of a team is nobody else's to see. */
  @Handles('GET /public/model_hub')
  @Answers(
    'Describes the model groups that the operator made public',
    z.array(z.looseObject({ model_group: z.string() })),
  )
  hub(): object[] {
    const shown = new Set(this.config.modelHub.groups);
    return this.live
      .entriesFor(undefined)
      .filter(({ name, ownerTeamId }) => shown.has(name) && ownerTeamId === undefined)
      .map(({ name, deployments }) => ({
        ...this.answers.group(name, deployments),
        is_public_model_group: true,
      }));
  }

  @Handles('GET /public/model_hub/info')
  @Answers(
    'Says what belongs on the page of public models',
    z.object({
      docs_title: z.string(),
      custom_docs_description: z.null(),
      litellm_version: z.null(),
      useful_links: z.record(z.string(), z.string()),
    }),
  )
  hubInfo(): object {
    return {
      docs_title: 'Tollgate',
      custom_docs_description: null,
      // Whoever looks for a known hole is not helped to find it.
      litellm_version: null,
      useful_links: this.config.modelHub.links,
    };
  }

  @Handles('GET /public/providers')
  @Answers('Lists the providers that can be called', z.array(z.string()))
  providers(): string[] {
    return [...PROVIDERS.keys()].toSorted();
  }

  @Handles('GET /public/litellm_model_cost_map', 'GET /get/litellm_model_cost_map')
  @Answers(
    'Lists the published prices of models, in dollars a token',
    z.record(z.string(), z.looseObject({ litellm_provider: z.string() })),
  )
  @Header('cache-control', 'public, max-age=600')
  costMap(): object {
    const now = this.clock.nowMs();
    if (this.#costMap === undefined || this.#costMap.until <= now)
      this.#costMap = { body: this.#readCostMap(now), until: now + COST_MAP_KEPT_MS };
    return this.#costMap.body;
  }

  #readCostMap(nowMs: number): object {
    const map: Record<string, object> = Object.create(null);
    for (const provider of PROVIDERS.keys()) {
      for (const { id, contextWindow, rates } of this.prices.listOf(provider, nowMs)) {
        const [tier] = rates?.tiers ?? [];
        if (rates === undefined || tier === undefined) continue;
        map[BARE_NAMES.has(provider) ? id : `${provider}/${id}`] = {
          litellm_provider: provider,
          max_input_tokens: contextWindow ?? null,
          input_cost_per_token: dollarsOf(rates, tier.input),
          output_cost_per_token: dollarsOf(rates, tier.output),
          cache_read_input_token_cost: dollarsOf(rates, tier.cacheRead),
          cache_creation_input_token_cost: dollarsOf(rates, tier.cacheWrite),
          output_cost_per_reasoning_token: dollarsOf(rates, tier.reasoning),
        };
      }
    }
    return map;
  }
}
