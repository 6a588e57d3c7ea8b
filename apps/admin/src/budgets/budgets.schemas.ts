import { z } from 'zod';
import { name, optionalName } from '../http/fields.schemas.js';
import { GOVERNED_FIELDS } from '../http/governed.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

const { budget_id: _own, ...SETTINGS } = GOVERNED_FIELDS;

export const newBudgetBody = {
  schema: z.object({ ...SETTINGS, budget_id: optionalName }),
  notBuilt: ['tpd_limit'],
} satisfies BodyDefinition;
export type NewBudgetBody = z.output<typeof newBudgetBody.schema>;

export const updateBudgetBody = {
  schema: z.object({ ...SETTINGS, budget_id: optionalName }).refine(({ budget_id }) => Boolean(budget_id), {
    path: ['budget_id'],
    message: 'budget_id is required',
  }),
  notBuilt: ['tpd_limit'],
} satisfies BodyDefinition;
export type UpdateBudgetBody = z.output<typeof updateBudgetBody.schema>;

export const budgetIdsBody = {
  schema: z.object({ budgets: z.array(name).min(1, 'send at least one id').max(1_000) }),
} satisfies BodyDefinition;
export type BudgetIdsBody = z.output<typeof budgetIdsBody.schema>;

export const budgetIdBody = { schema: z.object({ id: name.min(1) }) } satisfies BodyDefinition;
export type BudgetIdBody = z.output<typeof budgetIdBody.schema>;

export const budgetQuery = z.object({ budget_id: name.min(1) });
export type BudgetQuery = z.output<typeof budgetQuery>;
