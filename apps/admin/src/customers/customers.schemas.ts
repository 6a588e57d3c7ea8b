import type { CustomerChange } from '#libs/tenancy';
import { z } from 'zod';
import { amount, flag, isEmpty, name, names, optionalName } from '../http/fields.schemas.js';
import {
  GOVERNED_FIELDS,
  INCREASE_FIELDS,
  isWholeIncrease,
  toGovernedChange,
  WHOLE_INCREASE,
} from '../http/governed.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

const CUSTOMER_FIELDS = {
  ...GOVERNED_FIELDS,
  ...INCREASE_FIELDS,
  alias: optionalName,
  blocked: flag,
  models: names,
} as const;

/** A region or a default model that nothing holds a customer to would be worse than none. */
const NOT_BUILT = ['allowed_model_region', 'default_model', 'object_permission', 'tpd_limit'] as const;

const customerId = name.min(1);

export const newCustomerBody = {
  schema: z
    .object({ ...CUSTOMER_FIELDS, user_id: customerId, spend: amount })
    .refine(isWholeIncrease, WHOLE_INCREASE)
    .refine(({ budget_id, max_budget }) => isEmpty(budget_id) || typeof max_budget !== 'bigint', {
      message: 'send budget_id or max_budget, not both',
      params: { shape: true },
    }),
  notBuilt: NOT_BUILT,
} satisfies BodyDefinition;
export type NewCustomerBody = z.output<typeof newCustomerBody.schema>;

export const updateCustomerBody = {
  schema: z.object({ ...CUSTOMER_FIELDS, user_id: customerId }).refine(isWholeIncrease, WHOLE_INCREASE),
  notBuilt: NOT_BUILT,
} satisfies BodyDefinition;
export type UpdateCustomerBody = z.output<typeof updateCustomerBody.schema>;

export const customerIdsBody = {
  schema: z.object({ user_ids: z.array(customerId).min(1, 'send at least one id').max(1_000) }),
} satisfies BodyDefinition;
export type CustomerIdsBody = z.output<typeof customerIdsBody.schema>;

export const customerQuery = z.object({ end_user_id: customerId });
export type CustomerQuery = z.output<typeof customerQuery>;

/** The settings a new customer's body names. */
export function toCustomerChange(body: Partial<NewCustomerBody>): CustomerChange {
  return {
    ...toGovernedChange(body),
    alias: body.alias,
    blocked: body.blocked ?? undefined,
    models: body.models,
  };
}

/**
 * What an update names. Null and empty values change nothing here: clients of the contract send whole forms. A zero does:
 * it blocks, and who writes one means it.
 */
export function toCustomerUpdate(body: UpdateCustomerBody): CustomerChange {
  const { models, ...change } = toCustomerChange(body);
  const named = Object.entries(change).filter(([setting, value]) => setting === 'blocked' || !isEmpty(value));
  return { ...(Object.fromEntries(named) as CustomerChange), models };
}
