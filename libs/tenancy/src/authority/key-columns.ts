import type { VirtualKey } from '#libs/database';
import { fieldForbidden } from './refusals.js';
import { wireName } from './wire-names.js';

/** Only these route groups may be named by those who are not proxy administrators; a path would open a route. */
const NARROW_GROUPS: readonly string[] = ['llm_api_routes', 'info_routes'];
/** Routes of a key that its owner's role cannot be borrowed through. */
export const LLM_ONLY: readonly string[] = ['llm_api_routes'];

/** Columns that the product writes itself. */
const OWN_COLUMNS: ReadonlySet<string> = new Set([
  'id',
  'tokenHash',
  'maskedName',
  'rotationCount',
  'lastRotationAt',
  'rotationAt',
  'createdBy',
  'updatedBy',
  'createdAt',
  'updatedAt',
  'settingsUpdatedAt',
  'lastActiveAt',
  'budgetAnchorAt',
  'budgetResetAt',
  'keyType',
] satisfies (keyof VirtualKey)[]);
/** Columns that say nothing about power: whoever may change the key may change them. */
const FREE_COLUMNS: ReadonlySet<string> = new Set([
  'alias',
  'label',
  'metadata',
  'aliases',
  'autoRotate',
  'rotationInterval',
  'models',
  'allowedRoutes',
  'tags',
  'expiresAt',
  'rpmLimit',
  'tpmLimit',
  'inputTpmLimit',
  'outputTpmLimit',
  'maxParallelRequests',
  'modelRpmLimits',
  'modelTpmLimits',
  'tagRpmLimits',
  'blocked',
] satisfies (keyof VirtualKey)[]);
/** Money: not the owner's to set, not even down, because a reset of its period is a gift. */
export const MONEY_COLUMNS: ReadonlySet<string> = new Set([
  'maxBudgetNano',
  'softBudgetNano',
  'budgetDuration',
  'budgetWindows',
  'modelBudgets',
  'tempBudgetNano',
  'tempBudgetEndsAt',
] satisfies (keyof VirtualKey)[]);
/** Whose the key is. */
const PLACE_COLUMNS: ReadonlySet<string> = new Set([
  'userId',
  'teamId',
  'organizationId',
  'projectId',
] satisfies (keyof VirtualKey)[]);
/** Members of metadata that govern; nobody below a proxy administrator changes them. */
export const GOVERNING_METADATA = [
  'priority',
  'guardrails',
  'policies',
  'disable_global_guardrails',
  'allowed_tools',
  'logging',
  'service_account_id',
  'allow_litellm_changed_by_header',
  'allowed_passthrough_routes',
  'denied_passthrough_routes',
  'enforced_params',
  'budget_fallbacks',
] as const;

/** What is not in one of the lists above is a proxy administrator's: a column that comes later is closed until somebody decides. */
export function refuseReserved(before: Partial<VirtualKey>, after: Partial<VirtualKey>): void {
  const isNew = before.id === undefined;
  for (const [column, value] of Object.entries(after)) {
    if (
      OWN_COLUMNS.has(column) ||
      FREE_COLUMNS.has(column) ||
      MONEY_COLUMNS.has(column) ||
      PLACE_COLUMNS.has(column)
    )
      continue;
    if (isSame(before[column as keyof VirtualKey], value)) continue;
    // A service account is named when it is made, and never again. A customer is not: a key that is pinned to one reads what
    // it spent with everybody.
    if (isNew && column === 'serviceAccountId') continue;
    throw fieldForbidden(wireName(column), 'can only be set by a proxy administrator.');
  }
  for (const member of GOVERNING_METADATA) {
    if (isNew && member === 'service_account_id') continue;
    if (!isSame(before.metadata?.[member], after.metadata?.[member]))
      throw fieldForbidden(`metadata.${member}`, 'can only be set by a proxy administrator.');
  }
}

export function refuseRoutes(
  before: readonly string[],
  after: readonly string[],
  had: readonly string[],
): void {
  if (isSame(before, after)) return;
  const known = had.length === 0 ? NARROW_GROUPS : had;
  const isWider = (before.length > 0 && after.length === 0) || after.some((route) => !known.includes(route));
  if (isWider) throw fieldForbidden('allowed_routes', 'can only be widened by a proxy administrator.');
}

/** The columns that a change gives another value. */
export function changedPart<Row extends object>(before: Row, after: Row): Partial<Row> {
  return Object.fromEntries(
    Object.entries(after).filter(([name, value]) => !isSame(before[name as keyof Row], value)),
  ) as Partial<Row>;
}

export function changed<Row extends object>(before: Row, after: Row, columns: ReadonlySet<string>): boolean {
  return [...columns].some((name) => !isSame(before[name as keyof Row], after[name as keyof Row]));
}

/** Nothing, none and empty are one for a row that is about to be made. */
export function isSame(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown): string {
  if (value === undefined || value === null || value === false) return 'null';
  const text = JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'bigint' ? `${member}n` : member,
  );
  return text === '[]' || text === '{}' ? 'null' : text;
}
