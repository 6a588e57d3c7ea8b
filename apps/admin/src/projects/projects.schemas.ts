import type { ProjectChange } from '#libs/tenancy';
import { z } from 'zod';
import { flag, metadata, name, names, optionalName, storable } from '../http/fields.schemas.js';
import { FOLDED_LIMITS } from '../http/folded.js';
import { GOVERNED_FIELDS, toGovernedChange } from '../http/governed.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

/** A paragraph, not a document. */
const description = storable(4_000).nullable().optional();

const FIELDS = {
  ...GOVERNED_FIELDS,
  project_alias: optionalName,
  description,
  models: names,
  tags: names,
  metadata,
  blocked: flag,
} as const;
const fields = z.object(FIELDS);
const NOT_BUILT = [
  'guardrails',
  'policies',
  'object_permission',
  'tpd_limit',
  'model_itpm_limit',
  'model_otpm_limit',
  'spend',
] as const;

export const newProjectBody = {
  schema: z.object({ ...FIELDS, team_id: name.min(1), project_id: optionalName }),
  notBuilt: NOT_BUILT,
  folded: FOLDED_LIMITS,
} satisfies BodyDefinition;
export type NewProjectBody = z.output<typeof newProjectBody.schema>;

export const updateProjectBody = {
  schema: z.object({ ...FIELDS, project_id: name.min(1) }),
  notBuilt: [...NOT_BUILT, 'team_id'],
  folded: FOLDED_LIMITS,
} satisfies BodyDefinition;
export type UpdateProjectBody = z.output<typeof updateProjectBody.schema>;

export const deleteProjectsBody = {
  schema: z.object({ project_ids: z.array(name.min(1)).min(1).max(1_000) }),
} satisfies BodyDefinition;
export type DeleteProjectsBody = z.output<typeof deleteProjectsBody.schema>;

export const projectQuery = z.object({ project_id: name.min(1) });
export type ProjectQuery = z.output<typeof projectQuery>;

export function toProjectChange(body: Partial<z.output<typeof fields>>): ProjectChange {
  return {
    ...toGovernedChange(body),
    alias: body.project_alias,
    description: body.description,
    models: body.models,
    tags: body.tags,
    metadata: body.metadata,
    blocked: body.blocked ?? undefined,
  };
}
