import type { Governed, StoredBudget } from '#libs/database';
import { after, parseDuration, parsePeriod } from '#libs/tenancy';
import type { Note } from './omissions.js';
import type { Row } from './source.js';
import { cap, count, counts, instant, isNothing, list, record, text } from './values.js';

/** Members of `metadata` that are limits or settings of LiteLLM's and of ours: they have columns here. */
const LIMITS = new Set(['model_rpm_limit', 'model_tpm_limit', 'temp_budget_increase', 'temp_budget_expiry']);
/** Members that this product does not honour yet: kept, they would look as if they did something. */
const UNKNOWN = new Set([
  'model_itpm_limit', 'model_otpm_limit', 'mcp_rpm_limit', 'allowed_vector_store_indexes',
  'enforced_batch_output_expires_after', 'enforced_file_expires_after', 'enable_prompt_caching', 'guardrails',
  'disable_global_guardrails', 'policies', 'prompts', 'logging', 'callback_settings', 'secret_manager_settings',
]); // prettier-ignore

/** The limits and budgets of a row, from its columns and its metadata. Null is none. */
export type Limits = Pick<
  Governed,
  | 'maxBudgetNano'
  | 'softBudgetNano'
  | 'budgetDuration'
  | 'budgetWindows'
  | 'modelBudgets'
  | 'tempBudgetNano'
  | 'tempBudgetEndsAt'
  | 'budgetId'
  | 'rpmLimit'
  | 'tpmLimit'
  | 'maxParallelRequests'
  | 'modelRpmLimits'
  | 'modelTpmLimits'
>;

export function limitsOf(row: Row, note: Note): Limits {
  const metadata = record(row['metadata']);
  const perModel = record(row['model_max_budget']);
  const increase = row['temp_budget_increase'] ?? metadata['temp_budget_increase'];
  const endsAt = instant(row['temp_budget_expiry'] ?? metadata['temp_budget_expiry']);
  if (!isNothing(row['tpd_limit'])) note('tpd_limit is not there yet');
  return {
    maxBudgetNano: cap(row['max_budget'], 'max_budget', note),
    softBudgetNano: cap(row['soft_budget'], 'soft_budget', note),
    budgetDuration: period(row['budget_duration'], note),
    budgetWindows: windowsOf(row['budget_limits'], note),
    modelBudgets: modelBudgets(perModel, note),
    tempBudgetNano: endsAt === null ? null : cap(increase, 'temp_budget_increase', note),
    tempBudgetEndsAt: isNothing(increase) ? null : endsAt,
    budgetId: text(row['budget_id']),
    rpmLimit: count(row['rpm_limit']),
    tpmLimit: count(row['tpm_limit'], Number.MAX_SAFE_INTEGER),
    maxParallelRequests: count(row['max_parallel_requests']),
    modelRpmLimits: { ...counts(metadata['model_rpm_limit']), ...ratesOf(perModel, 'rpm_limit') },
    modelTpmLimits: { ...counts(metadata['model_tpm_limit']), ...ratesOf(perModel, 'tpm_limit') },
  };
}

/** `metadata` without what has a column here (`taken` too) and without what would only look as if it counted. */
export function metadataOf(row: Row, taken: readonly string[], note: Note): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record(row['metadata']))) {
    if (LIMITS.has(name) || taken.includes(name)) continue;
    if (!UNKNOWN.has(name)) kept[name] = value;
    else if (!isNothing(value)) note(`${name} is not there yet`);
  }
  return kept;
}

/** Notes each of these columns that somebody used. */
export function noteUsed(row: Row, columns: readonly string[], note: Note): void {
  for (const column of columns) if (!isNothing(row[column])) note(`${column} is not there yet`);
}

/** Where periods that do not follow the calendar start: so that the next one begins when LiteLLM's would have. */
export function anchorOf(row: Row): Date | null {
  const resetAt = instant(row['budget_reset_at']);
  const duration = parseDuration(text(row['budget_duration']) ?? '');
  if (resetAt === null || duration === undefined) return instant(row['created_at']);
  return new Date(2 * resetAt.getTime() - after(resetAt.getTime(), duration));
}

export function period(value: unknown, note: Note): string | null {
  const written = text(value);
  if (written === null) return null;
  const read = parsePeriod(written);
  if (read === undefined) note('budget_duration cannot be read: the budget never starts again');
  return read ?? null;
}

function windowsOf(value: unknown, note: Note): StoredBudget[] {
  return list(value).flatMap((one) => {
    const { max_budget, budget_duration } = record(one);
    const capNano = cap(max_budget, 'budget_limits', note);
    return capNano === null ? [] : [{ capNano: capNano.toString(), duration: period(budget_duration, note) }];
  });
}

/** Each entry an amount, or an object in one of two spellings. */
function modelBudgets(value: Record<string, unknown>, note: Note): Record<string, StoredBudget> {
  const found = Object.entries(value).flatMap(([model, one]) => {
    const rule: Record<string, unknown> = typeof one === 'number' ? { max_budget: one } : record(one);
    const capNano = cap(rule['max_budget'] ?? rule['budget_limit'], 'model_max_budget', note);
    const duration = period(rule['budget_duration'] ?? rule['time_period'], note);
    return capNano === null ? [] : [[model, { capNano: capNano.toString(), duration }] as const];
  });
  return Object.fromEntries(found);
}

function ratesOf(value: Record<string, unknown>, name: string): Record<string, number> {
  return counts(
    Object.fromEntries(Object.entries(value).map(([model, one]) => [model, record(one)[name] ?? null])),
  );
}
