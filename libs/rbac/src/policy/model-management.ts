import { type RoutePolicy, type RouteRows, tellingDetail } from './route-policy.js';

/** Anybody may ask; the handler lets administrators of the proxy, and a team's own administrators to their team's models. */
const modelWrite = (audits: NonNullable<RoutePolicy['audits']>) =>
  ({
    groups: ['management_routes'],
    access: 'any_caller',
    ownership: 'own_teams',
    reachesProvider: false,
    audits,
  }) as const satisfies RoutePolicy;

const modelInfo = {
  groups: ['llm_api_routes', 'model_info_routes', 'info_routes', 'management_routes'],
  access: 'any_caller',
  ownership: 'visible_models',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Models as they are changed at run time and described. */
export const MODEL_MANAGEMENT_ROUTES = {
  'POST /model/new': modelWrite('model.created'),
  'POST /model/update': modelWrite('model.updated'),
  'PATCH /model/{model_id}/update': modelWrite('model.updated'),
  'POST /model/delete': modelWrite('model.deleted'),
  'POST /model/block': modelWrite('model.blocked'),
  'POST /model/unblock': modelWrite('model.unblocked'),
  'GET /v2/model/info': modelInfo,
  'GET /model_group/info': modelInfo,
  ...tellingDetail({
    'GET /model/info': modelInfo,
    'GET /v1/model/info': modelInfo,
  }),
} as const satisfies RouteRows;
