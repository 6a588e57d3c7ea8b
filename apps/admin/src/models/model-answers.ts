import { Injectable } from '@nestjs/common';
import { type DeploymentPrice, PriceBook } from '#libs/budget';
import { Config } from '#libs/config';
import { Clock, type Principal } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import { LiveCatalogue, type ModelView, shownInfo, shownParams } from '#libs/runtime';
import { seesEverything } from '#libs/tenancy';
import { toApiTime } from '../http/wire.js';
import { CHAT_PARAMS } from './chat-params.js';

/** A model as `/model/info` shows it. */
export interface ShownModel {
  readonly model_name: string;
  readonly litellm_params: Record<string, unknown>;
  readonly model_info: Record<string, unknown> & { readonly id: string };
}

/** What everybody who may call a model may know of its parameters: not where it lives, nor what else its owner said. */
const FOR_CALLERS: ReadonlySet<string> = new Set(['model', 'custom_llm_provider', 'rpm', 'tpm', 'tags']);

/** Models as the contract writes them. No answer holds a secret, sealed or not. */
@Injectable()
export class ModelAnswers {
  constructor(
    private readonly live: LiveCatalogue,
    private readonly prices: PriceBook,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** The row, as the routes that change it answer. */
  row({ row, params }: ModelView): Record<string, unknown> {
    return {
      model_id: row.id,
      model_name: row.modelName,
      litellm_params: params,
      model_info: this.#storedInfo({ row, params }),
      blocked: row.blocked,
      created_at: toApiTime(row.createdAt),
      created_by: row.createdBy,
      updated_at: toApiTime(row.updatedAt),
      updated_by: row.updatedBy,
    };
  }

  /** A deployment that is served. Where it lives is for administrators. */
  deployment(one: Deployment, caller: Principal): ShownModel {
    const entry = this.live.entryOf(one.id);
    const all = shownParams(entry?.params ?? {});
    const params = seesEverything(caller)
      ? all
      : Object.fromEntries(Object.entries(all).filter(([name]) => FOR_CALLERS.has(name)));
    const { price, contextWindow } = this.#priceOf(one);
    return {
      model_name: one.group,
      litellm_params: params,
      model_info: {
        ...shownInfo(entry?.info ?? {}),
        id: one.id,
        db_model: this.live.isStored(one.id),
        key: one.upstreamModel,
        litellm_provider: one.provider,
        mode: one.mode ?? 'chat',
        max_tokens: one.maxOutputTokens ?? null,
        max_input_tokens: contextWindow ?? null,
        max_output_tokens: one.maxOutputTokens ?? null,
        supported_openai_params: paramsOf(one),
        ...price,
        ...(one.teamId === undefined ? {} : { team_id: one.teamId, team_public_model_name: one.group }),
      },
    };
  }

  /** A stored model that is not served: blocked, or broken. */
  unserved(view: ModelView): ShownModel {
    return {
      model_name: view.row.modelName,
      litellm_params: view.params,
      model_info: this.#storedInfo(view),
    };
  }

  /** All deployments of one name as one. */
  group(name: string, members: readonly Deployment[]): Record<string, unknown> {
    const priced = members.map((one) => this.#priceOf(one));
    const least = (read: (at: number) => number | null | undefined): number | null => {
      const known = members.map((_, at) => read(at)).filter((value) => value !== null && value !== undefined);
      return known.length === 0 ? null : Math.min(...known);
    };
    const sum = (read: (one: Deployment) => number | undefined): number | null => {
      const known = members.map(read).filter((value) => value !== undefined);
      return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
    };
    return {
      model_group: name,
      providers: [...new Set(members.map(({ provider }) => provider))],
      max_input_tokens: least((at) => priced[at]?.contextWindow),
      max_output_tokens: least((at) => members[at]?.maxOutputTokens),
      input_cost_per_token: least((at) => priced[at]?.price.input_cost_per_token),
      output_cost_per_token: least((at) => priced[at]?.price.output_cost_per_token),
      input_cost_per_pixel: null,
      mode: members[0]?.mode ?? 'chat',
      tpm: sum((one) => one.tokensPerMinute),
      rpm: sum((one) => one.requestsPerMinute),
      itpm: null,
      otpm: null,
      supports_parallel_function_calling: this.#supports(members, 'supports_parallel_function_calling'),
      supports_vision: this.#supports(members, 'supports_vision'),
      supports_web_search: this.#supports(members, 'supports_web_search'),
      supports_url_context: this.#supports(members, 'supports_url_context'),
      supports_reasoning: this.#supports(members, 'supports_reasoning'),
      supports_function_calling: this.#supports(members, 'supports_function_calling'),
      supported_openai_params: paramsOf(members[0]),
      configurable_clientside_auth_params: null,
      is_public_model_group: this.config.modelHub.groups.includes(name),
      health_status: null,
      health_response_time: null,
      health_checked_at: null,
    };
  }

  #supports(members: readonly Deployment[], what: string): boolean {
    return members.some(({ id }) => this.live.entryOf(id)?.info[what] === true);
  }

  #storedInfo({ row }: ModelView): Record<string, unknown> & { id: string } {
    return {
      ...shownInfo(row.info),
      id: row.id,
      db_model: true,
      blocked: row.blocked,
      ...(row.teamId === null ? {} : { team_id: row.teamId, team_public_model_name: row.modelName }),
    };
  }

  #priceOf(one: Deployment): {
    price: { input_cost_per_token: number | null; output_cost_per_token: number | null };
    contextWindow: number | undefined;
  } {
    // Of a wildcard nobody knows the price before a name fills it in.
    if (one.upstreamModel.includes('*'))
      return {
        price: { input_cost_per_token: null, output_cost_per_token: null },
        contextWindow: one.maxInputTokens,
      };
    const known = this.prices.priceOf(one);
    const rates = known.ratesAt(this.clock.nowMs());
    const [tier] = rates?.tiers ?? [];
    return {
      price: {
        input_cost_per_token: dollarsOf(rates, tier?.input),
        output_cost_per_token: dollarsOf(rates, tier?.output),
      },
      contextWindow: known.contextWindow,
    };
  }
}

/** Only chat calls have a list that everybody agrees on. */
function paramsOf(one: Deployment | undefined): readonly string[] {
  return one === undefined || (one.mode ?? 'chat') === 'chat' ? CHAT_PARAMS : [];
}

type Rates = ReturnType<DeploymentPrice['ratesAt']>;

/** A compiled rate in dollars, as price lists write it; null where nobody knows it. */
export function dollarsOf(rates: Rates, rate: number | undefined): number | null {
  return rates === undefined || rate === undefined ? null : Number((rate / rates.unit / 1e9).toPrecision(12));
}
