import type { MemberChange } from '#libs/tenancy';
import { z } from 'zod';
import { amount, flag, instant, limit, name, names, period, tokenLimit } from '../http/fields.schemas.js';
import { isWholeIncrease, WHOLE_INCREASE, toIncrease } from '../http/governed.schemas.js';
import { namesPerson, NAMES_NOBODY, PERSON_FIELDS } from '../http/person.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { member, MOST_MEMBERS } from './teams.schemas.js';

const GRANTED = {
  max_budget_in_team: amount,
  budget_duration: period,
  allowed_models: names,
  rpm_limit: limit,
  tpm_limit: tokenLimit,
} as const;

/** One of them, or several. */
const oneOrMany = z
  .union([member, z.array(member).min(1).max(MOST_MEMBERS)])
  .transform((sent) => (Array.isArray(sent) ? sent : [sent]));

export const memberAddBody = {
  schema: z.object({ ...GRANTED, team_id: name.min(1), member: oneOrMany }),
} satisfies BodyDefinition;
export type MemberAddBody = z.output<typeof memberAddBody.schema>;

export const bulkMemberAddBody = {
  schema: z
    .object({
      ...GRANTED,
      team_id: name.min(1),
      members: z.array(member).max(MOST_MEMBERS).nullable().optional(),
      all_users: flag,
    })
    .refine((body) => Boolean(body.members?.length) !== Boolean(body.all_users), 'send members or all_users'),
} satisfies BodyDefinition;
export type BulkMemberAddBody = z.output<typeof bulkMemberAddBody.schema>;

const named = { team_id: name.min(1), ...PERSON_FIELDS } as const;

export const memberUpdateBody = {
  schema: z
    .object({
      ...GRANTED,
      ...named,
      role: z.enum(['admin', 'user']).nullable().optional(),
      temp_budget_increase: amount,
      temp_budget_expiry: instant,
    })
    .refine(namesPerson, NAMES_NOBODY)
    .refine(isWholeIncrease, WHOLE_INCREASE),
} satisfies BodyDefinition;
export type MemberUpdateBody = z.output<typeof memberUpdateBody.schema>;

export const memberDeleteBody = {
  schema: z.object(named).refine(namesPerson, NAMES_NOBODY),
} satisfies BodyDefinition;
export type MemberDeleteBody = z.output<typeof memberDeleteBody.schema>;

export function toMemberChange(body: Partial<MemberUpdateBody>): MemberChange {
  return {
    role: body.role ?? undefined,
    capNanoUsd: body.max_budget_in_team,
    budgetDuration: body.budget_duration,
    allowedModels: body.allowed_models,
    requestsPerMinute: body.rpm_limit,
    tokensPerMinute: body.tpm_limit,
    increase: toIncrease(body),
  };
}
