import type { RequestLabels } from './metric-series.js';

export const REQUEST_LABELS = [
  'hashed_api_key',
  'api_key_alias',
  'user',
  'team',
  'team_alias',
  'org_id',
  'requested_model',
  'model',
  'route',
  'end_user',
] as const;
export const DEPLOYMENT_LABELS = ['litellm_model_name', 'model_id', 'api_base', 'api_provider'] as const;
export const KEY_LABELS = ['hashed_api_key', 'api_key_alias'] as const;

/** A longer name is a caller's invention; its beginning tells enough. */
const MAX_LABEL_LENGTH = 128;

/** The labels every request metric carries. */
export function requestLabels(labels: RequestLabels): Record<string, string> {
  return {
    hashed_api_key: labels.hashedApiKey ?? '',
    api_key_alias: cut(labels.apiKeyAlias),
    user: cut(labels.user),
    team: cut(labels.team),
    team_alias: cut(labels.teamAlias),
    org_id: cut(labels.organizationId),
    requested_model: cut(labels.requestedModel),
    model: cut(labels.model),
    route: labels.route,
    // Present because dashboards group by it; empty because callers choose it and could fill the memory.
    end_user: '',
  };
}

function cut(value = ''): string {
  return value.slice(0, MAX_LABEL_LENGTH);
}
