import type { Spend } from './draft.js';
import { anchorOf } from './limits.js';
import type { Row } from './source.js';
import { instant, spent, text } from './values.js';

/** When a row with limits was made, and where its budget's periods start; absent where LiteLLM does not say. */
export function originOf(row: Row): Record<string, unknown> {
  const anchor = anchorOf(row);
  return { ...sinceOf(row), ...(anchor === null ? {} : { budgetAnchorAt: anchor }) };
}

/** The same of a row that also says by whom. */
export function authoredOriginOf(row: Row): Record<string, unknown> {
  return { ...originOf(row), ...authorshipOf(row) };
}

/** When and by whom a row without limits was made. */
export function authorshipOf(row: Row): Record<string, unknown> {
  return { ...sinceOf(row), createdBy: text(row['created_by']) };
}

function sinceOf(row: Row): Record<string, unknown> {
  const createdAt = instant(row['created_at']);
  return createdAt === null ? {} : { createdAt };
}

export function spendOf(row: Row): Spend {
  const current = spent(row['spend']);
  const ever = spent(row['total_spend']);
  return {
    currentNano: current,
    everNano: ever > current ? ever : current,
    resetAt: instant(row['budget_reset_at']),
  };
}
