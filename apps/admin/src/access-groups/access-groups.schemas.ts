import type { AccessGroupDraft, AccessGroupView, ModelGroupMembers } from '#libs/runtime';
import { z } from 'zod';
import { name, names, optionalName } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { toApiTime } from '../http/wire.js';

export const newModelGroupBody = {
  schema: z.object({ access_group: name.min(1), model_names: names, model_ids: names }),
} as const satisfies BodyDefinition;
export type NewModelGroupBody = z.output<typeof newModelGroupBody.schema>;

export const modelGroupBody = {
  schema: z.object({ model_names: names, model_ids: names }),
} as const satisfies BodyDefinition;
export type ModelGroupBody = z.output<typeof modelGroupBody.schema>;

export function toMembers(body: ModelGroupBody): ModelGroupMembers {
  return { modelNames: body.model_names ?? [], modelIds: body.model_ids ?? [] };
}

const groupFields = {
  description: optionalName,
  access_model_names: names,
  access_mcp_server_ids: names,
  access_agent_ids: names,
  assigned_team_ids: names,
  assigned_key_ids: names,
  assigned_user_ids: names,
};

export const newAccessGroupBody = {
  schema: z.object({ access_group_name: name.min(1), ...groupFields }),
} as const satisfies BodyDefinition;
export type NewAccessGroupBody = z.output<typeof newAccessGroupBody.schema>;

export const accessGroupBody = {
  schema: z.object({ access_group_name: name.min(1).optional(), ...groupFields }),
} as const satisfies BodyDefinition;
export type AccessGroupBody = z.output<typeof accessGroupBody.schema>;

export function toDraft(body: AccessGroupBody): AccessGroupDraft {
  return {
    name: body.access_group_name,
    description: body.description,
    models: body.access_model_names,
    mcpServerIds: body.access_mcp_server_ids,
    agentIds: body.access_agent_ids,
    teamIds: body.assigned_team_ids,
    keys: body.assigned_key_ids,
    userIds: body.assigned_user_ids,
  };
}

export const accessGroupRow = z.looseObject({
  access_group_id: z.string(),
  access_group_name: z.string(),
  access_model_names: z.array(z.string()),
});

export function toApiGroup({ group, teams, keys }: AccessGroupView): object {
  return {
    access_group_id: group.id,
    access_group_name: group.name,
    description: group.description,
    access_model_names: group.models,
    access_mcp_server_ids: group.mcpServerIds,
    access_agent_ids: group.agentIds,
    assigned_team_ids: group.teamIds,
    assigned_key_ids: keys.map(({ tokenHash }) => tokenHash),
    assigned_user_ids: group.userIds,
    access_mcp_servers: group.mcpServerIds.map((id) => ({ id, name: null })),
    access_agents: group.agentIds.map((id) => ({ id, name: null })),
    assigned_teams: teams.map(({ id, alias }) => ({ id, name: alias })),
    assigned_keys: keys.map(({ tokenHash, alias }) => ({ id: tokenHash, name: alias })),
    created_at: toApiTime(group.createdAt),
    created_by: group.createdBy,
    updated_at: toApiTime(group.updatedAt),
    updated_by: group.updatedBy,
  };
}
