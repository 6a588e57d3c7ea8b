import { z } from 'zod';
import { name } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

/** Exactly one person: a user of the gateway, or a customer that calls are made for. */
const subject = z
  .object({ user_id: name.min(1).optional(), customer_id: name.min(1).optional() })
  .refine(
    (sent) => (sent.user_id === undefined) !== (sent.customer_id === undefined),
    'send either user_id or customer_id',
  );
export type SubjectBody = z.output<typeof subject>;

export const subjectBody: BodyDefinition<typeof subject> = { schema: subject, strict: true };

export function subjectOf({ user_id: user, customer_id: customer }: SubjectBody): {
  readonly kind: 'user' | 'customer';
  readonly id: string;
} {
  return user === undefined ? { kind: 'customer', id: customer ?? '' } : { kind: 'user', id: user };
}
