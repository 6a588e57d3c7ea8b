import { parseUsd } from '#libs/kernel';
import type { ConfigTree } from './config.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';

type Budgets = ConfigTree['budgets'];

/** The budgets that the file itself sets: the proxy's, the providers' and the tags'. */
export function readBudgets(
  { litellm, general, router }: Pick<Sections, 'litellm' | 'general' | 'router'>,
  findings: Findings,
): Budgets {
  const cap = litellm.max_budget ?? 0;
  if (cap > 0 && litellm.budget_duration === undefined) {
    findings.error(
      'litellm_settings.budget_duration',
      'expected a duration such as 30d, because max_budget is set',
    );
  }
  return {
    // Zero switches the proxy's budget off here, as in LiteLLM; in every other scope it blocks.
    ...(cap > 0 ? { proxyCapNanoUsd: parseUsd(cap) } : {}),
    ...(cap > 0 && litellm.budget_duration !== undefined ? { proxyDuration: litellm.budget_duration } : {}),
    timezone: litellm.timezone ?? 'UTC',
    resetTime: litellm.budget_reset_time ?? '00:00',
    exceededStatus: litellm.budget_exceeded_status_code ?? 422,
    applyUserBudgetToTeamKeys: general.apply_user_budget_to_team_keys ?? false,
    blockUnpricedModels: litellm.block_requests_for_models_without_pricing ?? false,
    maxWaitMs: 30_000,
    rollover: litellm.budget_rollover ?? false,
    ...(litellm.max_end_user_budget_id === undefined
      ? {}
      : { customerBudgetId: litellm.max_end_user_budget_id }),
    ...(litellm.budget_exceeded_throttle_percentage === undefined
      ? {}
      : { throttleShare: litellm.budget_exceeded_throttle_percentage }),
    providers: named(router.provider_budget_config),
    tags: named(litellm.tag_budget_config),
  };
}

/** What is taken off and put on the price of a provider; `global` speaks for those that are not named. */
export function readPricing({ litellm }: Pick<Sections, 'litellm'>): ConfigTree['pricing'] {
  const margins = Object.entries(litellm.cost_margin_config ?? {}).map(
    ([provider, { percentage, fixed_amount }]) =>
      [provider, { share: percentage, perRequestNanoUsd: parseUsd(fixed_amount) }] as const,
  );
  return { discounts: litellm.cost_discount_config ?? {}, margins: Object.fromEntries(margins) };
}

/** The seeds' default: 0.80 of a window is free for all. */
const SATURATION = 0.8;

/** On when the callback is listed (contract/limits 2.1). */
export function readPriorities({ litellm }: Pick<Sections, 'litellm'>): ConfigTree['priorities'] {
  const callbacks = litellm.callbacks ?? [];
  if (!callbacks.includes('dynamic_rate_limiter_v3')) return undefined;
  const settings = litellm.priority_reservation_settings ?? {};
  return {
    weights: litellm.priority_reservation ?? {},
    ...(settings.default_priority === undefined ? {} : { defaultWeight: settings.default_priority }),
    saturation: settings.saturation_threshold ?? SATURATION,
  };
}

function named(entries: Sections['litellm']['tag_budget_config']): Budgets['providers'] {
  return Object.fromEntries(
    Object.entries(entries ?? {}).map(([name, { dollars, duration }]) => [
      name,
      { capNanoUsd: parseUsd(dollars), ...(duration === undefined ? {} : { duration }) },
    ]),
  );
}
