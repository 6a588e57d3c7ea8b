import { z } from 'zod';
import { dollars, duration, flag, text } from './fields.js';

/** A share of one: `0.25`, also as text from the environment. */
const spelled = (value: unknown): unknown =>
  typeof value === 'string' && value.trim() !== '' ? Number(value) : value;

const share = z.preprocess(
  spelled,
  z.number().min(0, 'expected a fraction from 0 to 1').max(1, 'expected a fraction from 0 to 1'),
);

/** A fraction above 0: of a price or a weight. More than a hundredfold is a slip of the unit. */
const factor = z.preprocess(
  spelled,
  z.number().min(0, 'expected a fraction such as 0.1').max(100, 'expected a fraction such as 0.1'),
);

/** A budget of the configuration under either of its two spellings. */
const budgetEntry = z
  .strictObject({
    budget_limit: dollars.optional(),
    max_budget: dollars.optional(),
    time_period: duration.optional(),
    budget_duration: duration.optional(),
  })
  .refine(({ budget_limit, max_budget }) => budget_limit !== undefined || max_budget !== undefined, {
    error: 'expected budget_limit (or max_budget) in dollars',
  })
  .refine(({ budget_limit, max_budget }) => budget_limit === undefined || max_budget === undefined, {
    error: 'expected either budget_limit or max_budget, got both',
  })
  .transform(({ budget_limit, max_budget, time_period, budget_duration }) => ({
    dollars: budget_limit ?? max_budget ?? 0,
    duration: time_period ?? budget_duration,
  }));

/** `provider_budget_config`, `tag_budget_config`: name -> budget. */
export const budgetsByName = z.record(text, budgetEntry);

/** `cost_discount_config`: provider -> the fraction that is taken off. */
export const discounts = z.record(text, share);

/** `cost_margin_config`: provider or `global` -> the fraction that is added, or that and dollars per request. */
export const margins = z.record(
  text,
  z.union(
    [
      factor.transform((percentage) => ({ percentage, fixed_amount: 0 })),
      z.strictObject({ percentage: factor.default(0), fixed_amount: dollars.default(0) }),
    ],
    { error: 'expected a fraction such as 0.1, or percentage and fixed_amount' },
  ),
);

/** `priority_reservation`: class -> a fraction, or a part of the model's requests or tokens. */
export const priorityReservation = z.record(
  text,
  z.union(
    [
      factor.transform((value) => ({ type: 'percent' as const, value })),
      z.strictObject({
        type: z.enum(['percent', 'rpm', 'tpm']),
        value: z.preprocess(spelled, z.number().min(0, 'expected at least 0')),
      }),
    ],
    { error: 'expected a fraction such as 0.75, or type and value' },
  ),
);

/** `priority_reservation_settings`. The cache's lifetime and the multiplier tune what is exact here anyway: they are read and change nothing. */
export const prioritySettings = z.strictObject({
  default_priority: share.optional(),
  saturation_threshold: share.optional(),
  saturation_check_cache_ttl: z.preprocess(spelled, z.number().nonnegative()).optional(),
  tracking_multiplier: z.preprocess(spelled, z.number().nonnegative()).optional(),
});

export const throttleShare = z.preprocess(
  spelled,
  z.number().gt(0, 'expected a fraction above 0, at most 1').max(1, 'expected a fraction above 0, at most 1'),
);

/** `litellm_settings`, the part about money and classes of callers. */
export const moneySettings = {
  max_end_user_budget_id: text,
  budget_exceeded_throttle_percentage: throttleShare,
  budget_rollover: flag,
  tag_budget_config: budgetsByName,
  cost_discount_config: discounts,
  cost_margin_config: margins,
  priority_reservation: priorityReservation,
  priority_reservation_settings: prioritySettings,
};
