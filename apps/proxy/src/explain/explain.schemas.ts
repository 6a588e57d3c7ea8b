import { CHECKS_ANSWER, DECISION_ANSWER } from '#libs/decisions';
import { isRoleName } from '#libs/config';
import { GatewayError, ROLES } from '#libs/kernel';
import { z } from 'zod';

const id = z.string().min(1).max(256);

/** Who, on which route, with which model. Nobody named: the caller itself. */
export const explainBody = z.strictObject({
  key: id.optional().describe('A virtual key by its id, alias, hash or secret'),
  user_id: id.optional(),
  team_id: id.optional(),
  organization_id: id.optional(),
  project_id: id.optional(),
  customer_id: id.optional().describe('A customer the credential itself is bound to; administrators only'),
  role: z
    .union([z.enum(ROLES), z.string().refine(isRoleName, 'expected a built-in role, or one of /role/list')])
    .optional()
    .describe('A role the credential would state; administrators only'),
  route: z.string().max(200).default('POST /v1/chat/completions'),
  model: id.optional(),
  estimated_tokens: z.int().min(0).max(100_000_000).default(1),
  max_tokens: z.int().positive().max(100_000_000).optional(),
  user: id.optional().describe('The customer the call names'),
  ip: z
    .union([z.ipv4(), z.ipv6()])
    .optional()
    .describe('The address the call would come from; administrators only. Absent: the one you ask from'),
  tags: z.array(z.string().min(1).max(128)).max(32).default([]),
});
export type ExplainBody = z.infer<typeof explainBody>;

export const EXPLAIN_ANSWER = z.object({
  allowed: z.boolean(),
  /** Of the refusal that the call would get; null when it would pass. */
  status: z.int().nullable(),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  route: z.string(),
  model: z.string().nullable(),
  subject: DECISION_ANSWER.shape.subject,
  ...CHECKS_ANSWER,
});

/** Throws `request.invalid`, naming the field and never its value: it may be a key. */
export function parseExplainBody(body: unknown): ExplainBody {
  const parsed = explainBody.safeParse(body ?? {}, { reportInput: false });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') || 'body';
  throw new GatewayError('request.invalid', `${field}: ${issue?.message ?? 'not valid'}`, { param: field });
}
