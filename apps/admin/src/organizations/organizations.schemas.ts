import type { OrganizationChange, OrganizationMemberDraft } from '#libs/tenancy';
import { z } from 'zod';
import { amount, metadata, name, names, optionalName, period } from '../http/fields.schemas.js';
import { FOLDED_LIMITS } from '../http/folded.js';
import { GOVERNED_FIELDS, toGovernedChange } from '../http/governed.schemas.js';
import {
  MEMBER_NAMES_NOBODY,
  namesPerson,
  NAMES_NOBODY,
  PERSON_FIELDS,
  toPerson,
} from '../http/person.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

const FIELDS = { ...GOVERNED_FIELDS, organization_alias: optionalName, models: names, metadata } as const;
const fields = z.object(FIELDS);
const NOT_BUILT = [
  'object_permission',
  'tpd_limit',
  'allowed_models',
  'model_rpm_limit_type',
  'spend',
] as const;

export const newOrganizationBody = {
  schema: z.object({ ...FIELDS, organization_alias: name.min(1), organization_id: optionalName }),
  notBuilt: NOT_BUILT,
  folded: FOLDED_LIMITS,
} satisfies BodyDefinition;
export type NewOrganizationBody = z.output<typeof newOrganizationBody.schema>;

/** The contract's clients send the budget as it was shown: nested. */
export const updateOrganizationBody = {
  schema: z.object({
    ...FIELDS,
    organization_id: name.min(1),
    litellm_budget_table: z.object(GOVERNED_FIELDS).nullable().optional(),
  }),
  notBuilt: NOT_BUILT,
  folded: FOLDED_LIMITS,
} satisfies BodyDefinition;
export type UpdateOrganizationBody = z.output<typeof updateOrganizationBody.schema>;

export const patchOrganizationBody = {
  schema: fields,
  notBuilt: NOT_BUILT,
  folded: FOLDED_LIMITS,
  strict: true,
} satisfies BodyDefinition;
export type PatchOrganizationBody = z.output<typeof patchOrganizationBody.schema>;

export const deleteOrganizationsBody = {
  schema: z.object({ organization_ids: z.array(name.min(1)).min(1).max(100) }),
} satisfies BodyDefinition;
export type DeleteOrganizationsBody = z.output<typeof deleteOrganizationsBody.schema>;

export const organizationsBody = {
  schema: z.object({ organizations: z.array(name.min(1)).min(1).max(1_000) }),
} satisfies BodyDefinition;
export type OrganizationsBody = z.output<typeof organizationsBody.schema>;

export const organizationQuery = z.object({ organization_id: name.min(1) });
export type OrganizationQuery = z.output<typeof organizationQuery>;
export const organizationListQuery = z.object({ org_id: name.optional(), org_alias: name.optional() });
export type OrganizationListQuery = z.output<typeof organizationListQuery>;

const role = z.enum(['org_admin', 'internal_user', 'internal_user_viewer']);
const member = z
  .object({ role: role.default('internal_user'), ...PERSON_FIELDS })
  .refine(namesPerson, MEMBER_NAMES_NOBODY);

export const orgMemberAddBody = {
  schema: z.object({
    organization_id: name.min(1),
    member: z
      .union([member, z.array(member).min(1).max(500)])
      .transform((sent) => (Array.isArray(sent) ? sent : [sent])),
    max_budget_in_organization: amount,
    budget_duration: period,
  }),
} satisfies BodyDefinition;
export type OrgMemberAddBody = z.output<typeof orgMemberAddBody.schema>;

const named = { organization_id: name.min(1), ...PERSON_FIELDS } as const;

export const orgMemberUpdateBody = {
  schema: z
    .object({
      ...named,
      role: role.nullable().optional(),
      max_budget_in_organization: amount,
      budget_duration: period,
    })
    .refine(namesPerson, NAMES_NOBODY),
} satisfies BodyDefinition;
export type OrgMemberUpdateBody = z.output<typeof orgMemberUpdateBody.schema>;

export const orgMemberDeleteBody = {
  schema: z.object(named).refine(namesPerson, NAMES_NOBODY),
} satisfies BodyDefinition;
export type OrgMemberDeleteBody = z.output<typeof orgMemberDeleteBody.schema>;

export function toOrganizationChange(
  body: Partial<z.output<typeof fields>> & {
    readonly litellm_budget_table?: UpdateOrganizationBody['litellm_budget_table'];
  },
): OrganizationChange {
  const { litellm_budget_table: nested, ...flat } = body;
  const governed = toGovernedChange({ ...nested, ...flat });
  return { ...governed, alias: body.organization_alias, models: body.models, metadata: body.metadata };
}

export function toOrganizationMember(sent: z.output<typeof member>): OrganizationMemberDraft {
  return { role: sent.role, ...toPerson(sent) };
}
