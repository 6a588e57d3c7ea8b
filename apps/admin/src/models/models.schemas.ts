import type { ModelChange, NewModel } from '#libs/runtime';
import { z } from 'zod';
import { flag, name, openMap } from '../http/fields.schemas.js';
import { LARGEST_REPORT, sizedPaging, sortOrder } from '../http/query.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';

const modelInfo = openMap
  .nullable()
  .transform((info) => info ?? {})
  .optional();

export const newModelBody = {
  schema: z.object({
    model_name: name.min(1),
    litellm_params: openMap,
    model_info: modelInfo,
    blocked: flag,
  }),
} as const satisfies BodyDefinition;
export type NewModelBody = z.output<typeof newModelBody.schema>;

export const modelChangeBody = {
  schema: z.object({
    id: name.min(1).optional(),
    model_name: name.min(1).nullable().optional(),
    litellm_params: openMap.nullable().optional(),
    model_info: modelInfo,
    blocked: flag,
  }),
} as const satisfies BodyDefinition;
export type ModelChangeBody = z.output<typeof modelChangeBody.schema>;

export const modelIdBody = { schema: z.object({ id: name.min(1) }) } as const satisfies BodyDefinition;
export type ModelIdBody = z.output<typeof modelIdBody.schema>;

export const blockedModelBody = {
  schema: z.object({ model_id: name.min(1) }),
} as const satisfies BodyDefinition;
export type BlockedModelBody = z.output<typeof blockedModelBody.schema>;

/** Members of `model_info` that are columns, or that an answer adds: what a client read and sends back must not become a fact of its own. */
const NOT_INFO: ReadonlySet<string> = new Set([
  'id',
  'team_id',
  'team_public_model_name',
  'blocked',
  'db_model',
  'key',
  'litellm_provider',
  'created_at',
  'created_by',
  'updated_at',
  'updated_by',
  'access_via_team_ids',
  'direct_access',
]);

function factsOf(info: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(info).filter(([member, value]) => !NOT_INFO.has(member) && value !== undefined),
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 256 ? value : undefined;
}

export function toNewModel(body: NewModelBody): NewModel {
  const info = body.model_info ?? {};
  const teamId = textOf(info['team_id']);
  return {
    name: (teamId === undefined ? undefined : textOf(info['team_public_model_name'])) ?? body.model_name,
    params: body.litellm_params,
    info: withoutNulls(factsOf(info)),
    id: textOf(info['id']),
    teamId,
    blocked: body.blocked ?? undefined,
  };
}

export function toModelChange(body: ModelChangeBody): ModelChange {
  return {
    name: textOf(body.model_info?.['team_public_model_name']) ?? body.model_name ?? undefined,
    params: body.litellm_params ?? undefined,
    info: body.model_info === undefined ? undefined : factsOf(body.model_info),
    blocked: body.blocked ?? undefined,
  };
}

/** The command line client sends the id beside `model_info`, the console inside it. */
export function idOf(body: ModelChangeBody): string | undefined {
  return textOf(body.model_info?.['id']) ?? body.id;
}

function withoutNulls(map: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== null));
}

const text = name.optional();

/** What of it is not read is accepted: whose models are shown is a matter of rights. */
export const modelInfoQuery = z.object({
  litellm_model_id: text,
  include_team_models: text,
  teamId: text,
});
export type ModelInfoQuery = z.output<typeof modelInfoQuery>;

const SORTS = ['model_name', 'created_at', 'updated_at', 'costs', 'status'] as const;

export const modelPageQuery = z.object({
  ...sizedPaging(50, LARGEST_REPORT),
  search: text,
  modelId: text,
  teamId: text,
  model: text,
  sortBy: z.enum(SORTS).optional(),
  sortOrder: sortOrder('asc'),
  user_models_only: text,
  include_team_models: text,
});
export type ModelPageQuery = z.output<typeof modelPageQuery>;

export const modelGroupQuery = z.object({ model_group: text });
export type ModelGroupQuery = z.output<typeof modelGroupQuery>;
