import { type NanoUsd, parseUsd } from '#libs/kernel';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';

export interface NamedBudget {
  readonly capNanoUsd: NanoUsd;
  /** Absent: never resets. */
  readonly duration?: string;
}

export interface BudgetSettings {
  readonly proxyCapNanoUsd?: NanoUsd;
  readonly proxyDuration?: string;
  readonly timezone: string;
  /** `HH:MM[:SS]`, default `00:00`. */
  readonly resetTime: string;
  readonly exceededStatus: number;
  readonly applyUserBudgetToTeamKeys: boolean;
  readonly blockUnpricedModels: boolean;
  readonly maxWaitMs: number;
  /** `budget_rollover`: what was spent beyond a cap counts in the period after, too. */
  readonly rollover: boolean;
  /** `max_end_user_budget_id`: the row of `budgets` for customers without a budget of their own. */
  readonly customerBudgetId?: string;
  /** `budget_exceeded_throttle_percentage`: to what share of its limits a key over its budget is slowed down, where the key says so. */
  readonly throttleShare?: number;
  /** `provider_budget_config`. */
  readonly providers: Readonly<Record<string, NamedBudget>>;
  /** `tag_budget_config`. */
  readonly tags: Readonly<Record<string, NamedBudget>>;
}

/** What the operator adds to and takes off published prices, by provider; `global` speaks for the others. */
export interface PricingSettings {
  readonly discounts: Readonly<Record<string, number>>;
  readonly margins: Readonly<Record<string, { readonly share: number; readonly perRequestNanoUsd: NanoUsd }>>;
}

/** How a model's requests and tokens are divided between classes of callers. */
export interface PrioritySettings {
  readonly weights: Readonly<
    Record<string, { readonly type: 'percent' | 'rpm' | 'tpm'; readonly value: number }>
  >;
  /** The most that callers without a named class get of what the named ones leave; absent: all of it. */
  readonly defaultWeight?: number;
  /** The share of a window that is free for all. */
  readonly saturation: number;
}

/** The budgets that the file itself sets: the proxy's, the providers' and the tags'. */
export function readBudgets(
  { litellm, general, router }: Pick<Sections, 'litellm' | 'general' | 'router'>,
  findings: Findings,
): BudgetSettings {
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
export function readPricing({ litellm }: Pick<Sections, 'litellm'>): PricingSettings {
  const margins = Object.entries(litellm.cost_margin_config ?? {}).map(
    ([provider, { percentage, fixed_amount }]) =>
      [provider, { share: percentage, perRequestNanoUsd: parseUsd(fixed_amount) }] as const,
  );
  return { discounts: litellm.cost_discount_config ?? {}, margins: Object.fromEntries(margins) };
}

/** The seeds' default: 0.80 of a window is free for all. */
const SATURATION = 0.8;

/** On when the callback is listed (contract/limits 2.1). */
export function readPriorities({ litellm }: Pick<Sections, 'litellm'>): PrioritySettings | undefined {
  const callbacks = litellm.callbacks ?? [];
  if (!callbacks.includes('dynamic_rate_limiter_v3')) return undefined;
  const settings = litellm.priority_reservation_settings ?? {};
  return {
    weights: litellm.priority_reservation ?? {},
    ...(settings.default_priority === undefined ? {} : { defaultWeight: settings.default_priority }),
    saturation: settings.saturation_threshold ?? SATURATION,
  };
}

function named(entries: Sections['litellm']['tag_budget_config']): BudgetSettings['providers'] {
  return Object.fromEntries(
    Object.entries(entries ?? {}).map(([name, { dollars, duration }]) => [
      name,
      { capNanoUsd: parseUsd(dollars), ...(duration === undefined ? {} : { duration }) },
    ]),
  );
}
