import { type RoutePolicy, type RouteRows, tellingDetail } from './route-policy.js';

const KEY_GROUPS = ['key_management_routes', 'management_routes', 'internal_user_routes'] as const;
const KEY_WRITERS = ['proxy_admin', 'org_admin', 'internal_user'] as const;

const keyWrite = (audits: NonNullable<RoutePolicy['audits']>) =>
  ({
    groups: KEY_GROUPS,
    access: KEY_WRITERS,
    ownership: 'own_keys',
    reachesProvider: false,
    audits,
  }) as const satisfies RoutePolicy;

const adminWrite = (audits: NonNullable<RoutePolicy['audits']>) =>
  ({
    groups: ['key_management_routes', 'management_routes'],
    access: ['proxy_admin'],
    ownership: 'none',
    reachesProvider: false,
    audits,
  }) as const satisfies RoutePolicy;

const keyRead = {
  groups: ['info_routes', ...KEY_GROUPS],
  access: 'any_caller',
  ownership: 'own_keys',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Virtual keys. */
export const KEY_ROUTES = {
  'POST /key/generate': keyWrite('key.created'),
  'POST /key/update': keyWrite('key.updated'),
  'POST /key/block_all': adminWrite('key.blocked'),
  'POST /key/delete': keyWrite('key.deleted'),
  'DELETE /key/delete': keyWrite('key.deleted'),
  'POST /key/block': keyWrite('key.blocked'),
  'POST /key/unblock': keyWrite('key.unblocked'),
  'POST /key/{key}/regenerate': keyWrite('key.rotated'),
  'POST /key/regenerate': keyWrite('key.rotated'),
  'GET /key/successor': keyRead,
  'GET /key/aliases': keyRead,
  'POST /key/health': keyRead,
  'GET /key/info': keyRead,
  'GET /key/list': keyRead,
  'POST /v2/key/info': keyRead,
  ...tellingDetail({
    'POST /key/service-account/generate': keyWrite('key.created'),
    'POST /key/bulk_update': adminWrite('key.updated'),
    'POST /team/key/bulk_update': keyWrite('key.updated'),
    'POST /key/{key}/reset_spend': keyWrite('key.updated'),
  }),
} as const satisfies RouteRows;
