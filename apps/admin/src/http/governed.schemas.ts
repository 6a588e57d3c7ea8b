import type { BudgetSetting, GovernedChange } from '#libs/tenancy';
import { z } from 'zod';
import {
  amount,
  dollars,
  duration,
  instant,
  limit,
  name,
  optionalName,
  period,
  tokenLimit,
} from './fields.schemas.js';

/** Each is a counter of its own and is asked on every call. */
const MOST_WINDOWS = 20;
const MOST_MODELS = 200;

/** `budget_limits`: several budgets at once, told apart by their durations. `reset_at` is ours to say. */
const windows = z
  .array(
    z
      .object({ budget_duration: duration, max_budget: dollars, reset_at: z.unknown().optional() })
      .transform(({ budget_duration, max_budget }): BudgetSetting => ({
        capNanoUsd: max_budget,
        duration: budget_duration,
      })),
  )
  .max(MOST_WINDOWS)
  .refine(
    (list) => new Set(list.map((each) => each.duration)).size === list.length,
    'two budgets cannot have the same budget_duration',
  )
  .nullable()
  .transform((list) => list ?? [])
  .optional();

/** One model's entry of `model_max_budget`, in both spellings. A name that is neither is refused: it was meant to limit something. */
const modelRule = z
  .strictObject({
    budget_limit: dollars.nullish(),
    max_budget: dollars.nullish(),
    time_period: duration.nullish(),
    budget_duration: duration.nullish(),
    rpm_limit: limit,
    tpm_limit: tokenLimit,
  })
  .refine((rule) => isOnce(rule.budget_limit, rule.max_budget), 'send budget_limit or max_budget, not both')
  .refine(
    (rule) => isOnce(rule.time_period, rule.budget_duration),
    'send time_period or budget_duration, not both',
  )
  .transform((rule) => ({
    capNanoUsd: rule.max_budget ?? rule.budget_limit ?? null,
    duration: rule.budget_duration ?? rule.time_period ?? null,
    rpm: rule.rpm_limit ?? null,
    tpm: rule.tpm_limit ?? null,
  }))
  .refine(
    ({ capNanoUsd, rpm, tpm }) => capNanoUsd !== null || rpm !== null || tpm !== null,
    'send max_budget (or budget_limit), rpm_limit or tpm_limit',
  );

/** Two spellings of one thing may both be sent only when they say the same. */
function isOnce(one: unknown, other: unknown): boolean {
  return (one ?? null) === null || (other ?? null) === null || one === other;
}

function perModel<S extends z.ZodType>(rule: S) {
  return z
    .record(name.min(1), rule)
    .refine((map) => Object.keys(map).length <= MOST_MODELS, `at most ${MOST_MODELS} models`)
    .nullable()
    .transform((map) => map ?? ({} as Record<string, z.output<S>>))
    .optional();
}

const count = (of: typeof limit) =>
  of.refine((value): value is number => typeof value === 'number', 'send a whole number, 0 or more');

/** Requests per minute by name: of a model, of a tag. */
export const requestsByName = perModel(count(limit));

/** What an answer without a cap of its own takes, in tokens: of every model, and of some. */
export const USUAL_ANSWER_FIELDS = {
  default_estimated_output_tokens: tokenLimit.refine(
    (value) => value !== 0,
    'send a whole number, 1 or more',
  ),
  default_estimated_output_tokens_per_model: perModel(
    tokenLimit.refine(
      (value): value is number => typeof value === 'number' && value > 0,
      'send a whole number, 1 or more',
    ),
  ),
} as const;

/** Limits and budgets as every noun of the contract takes them. */
export const GOVERNED_FIELDS = {
  max_budget: amount,
  soft_budget: amount,
  budget_duration: period,
  budget_limits: windows,
  budget_id: optionalName,
  model_max_budget: perModel(modelRule),
  rpm_limit: limit,
  rpm: limit,
  tpm_limit: tokenLimit,
  tpm: tokenLimit,
  itpm_limit: tokenLimit,
  otpm_limit: tokenLimit,
  max_parallel_requests: limit,
  model_rpm_limit: requestsByName,
  model_tpm_limit: perModel(count(tokenLimit)),
} as const;

/** A higher budget for a while: amount and end belong together. */
export const INCREASE_FIELDS = { temp_budget_increase: amount, temp_budget_expiry: instant } as const;

const fields = z.object(GOVERNED_FIELDS);
const increaseFields = z.object(INCREASE_FIELDS);
type Fields = z.output<typeof fields> & z.output<typeof increaseFields>;

/** Whether both halves of a temporary increase are there, or neither: a schema's refinement. */
export function isWholeIncrease(body: z.output<typeof increaseFields>): boolean {
  return (body.temp_budget_increase ?? null) === null
    ? (body.temp_budget_expiry ?? null) === null
    : (body.temp_budget_expiry ?? null) !== null;
}
export const WHOLE_INCREASE = {
  message: 'temp_budget_increase and temp_budget_expiry go together',
  params: { shape: true },
} as const;

/** The limits and budgets a body names; what is absent there is absent here. Long spellings win over short ones. */
export function toGovernedChange(body: Partial<Fields>): GovernedChange {
  const rules = body.model_max_budget;
  return {
    capNanoUsd: body.max_budget,
    softCapNanoUsd: body.soft_budget,
    budgetDuration: body.budget_duration,
    budgetWindows: body.budget_limits,
    budgetId: body.budget_id,
    requestsPerMinute: body.rpm_limit === undefined ? body.rpm : body.rpm_limit,
    tokensPerMinute: body.tpm_limit === undefined ? body.tpm : body.tpm_limit,
    inputTokensPerMinute: body.itpm_limit,
    outputTokensPerMinute: body.otpm_limit,
    parallelRequests: body.max_parallel_requests,
    modelBudgets:
      rules &&
      entriesOf(rules, ({ capNanoUsd, duration }) =>
        capNanoUsd === null ? undefined : { capNanoUsd, duration },
      ),
    modelRequestsPerMinute:
      body.model_rpm_limit ?? (rules && ifAny(entriesOf(rules, ({ rpm }) => rpm ?? undefined))),
    modelTokensPerMinute:
      body.model_tpm_limit ?? (rules && ifAny(entriesOf(rules, ({ tpm }) => tpm ?? undefined))),
    increase: toIncrease(body),
  };
}

/** The temporary increase a body names; null takes one away. */
export function toIncrease({
  temp_budget_increase: nanoUsd,
  temp_budget_expiry: endsAt,
}: Partial<z.output<typeof increaseFields>>): GovernedChange['increase'] {
  if (nanoUsd === undefined) return undefined;
  return nanoUsd === null || !endsAt ? null : { nanoUsd, endsAt };
}

function entriesOf<In, Out>(
  map: Readonly<Record<string, In>>,
  read: (value: In) => Out | undefined,
): Record<string, Out> {
  return Object.fromEntries(
    Object.entries(map).flatMap(([key, value]) => {
      const made = read(value);
      return made === undefined ? [] : [[key, made]];
    }),
  );
}

function ifAny<T extends object>(map: T): T | undefined {
  return Object.keys(map).length === 0 ? undefined : map;
}
