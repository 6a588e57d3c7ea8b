import { manage } from './manage.js';
import { type RoutePolicy, type RouteRows, tellingDetail } from './route-policy.js';

const PEOPLE = [
  'proxy_admin',
  'proxy_admin_viewer',
  'org_admin',
  'internal_user',
  'internal_user_viewer',
] as const;

/** Everybody reaches it and sees what is his. */
const ownSpend = {
  groups: ['spend_tracking_routes', 'key_management_routes', 'management_routes', 'internal_user_routes'],
  access: [...PEOPLE, 'customer'],
  ownership: 'own_spend',
  reachesProvider: false,
} as const satisfies RoutePolicy;

const ownActivity = {
  groups: ['spend_tracking_routes', 'management_routes', 'internal_user_routes'],
  access: PEOPLE,
  ownership: 'own_spend',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** Everything that was spent, by anybody. */
const allSpend = {
  groups: ['spend_tracking_routes', 'management_routes'],
  access: ['proxy_admin', 'proxy_admin_viewer'],
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** What was spent. */
export const SPEND_ROUTES = {
  'GET /spend/logs': ownSpend,
  'GET /spend/logs/ui': ownSpend,
  'GET /spend/logs/session/ui': ownSpend,
  'GET /spend/logs/ui/{request_id}': ownSpend,
  'GET /spend/keys': ownActivity,
  'GET /spend/users': ownActivity,
  'GET /spend/tags': ownActivity,
  'POST /spend/calculate': { ...ownActivity, mayBePublic: true },
  'POST /cost/estimate': ownActivity,
  'GET /key/spend/report': ownActivity,
  'GET /user/spend/report': ownActivity,
  'GET /team/spend/by_user': ownActivity,
  'GET /global/activity': ownActivity,
  'GET /global/activity/model': ownActivity,
  'GET /global/activity/cache_hits': ownActivity,
  'GET /global/activity/exceptions': ownActivity,
  'GET /global/activity/exceptions/deployment': ownActivity,
  'GET /global/spend': allSpend,
  'GET /global/spend/logs': allSpend,
  'GET /global/spend/keys': allSpend,
  'GET /global/spend/models': allSpend,
  'GET /global/spend/teams': allSpend,
  'POST /global/spend/end_users': allSpend,
  'GET /global/spend/provider': allSpend,
  'GET /global/spend/tags': allSpend,
  'GET /global/spend/all_tag_names': allSpend,
  'GET /global/all_end_users': allSpend,
  'GET /global/spend/refresh': allSpend,
  'POST /global/spend/reset': manage(['proxy_admin'], 'key.updated'),
  'GET /global/spend/report': allSpend,
  'GET /provider/budgets': allSpend,
  ...tellingDetail({
    'GET /spend/logs/v2': ownSpend,
    'GET /team/spend/report': ownActivity,
    'GET /organization/spend/report': ownActivity,
    'GET /user/daily/activity': ownActivity,
    'GET /user/daily/activity/aggregated': ownActivity,
    'GET /team/daily/activity': ownActivity,
    'GET /team/daily/activity/aggregated': ownActivity,
    'GET /organization/daily/activity': ownActivity,
    'GET /organization/daily/activity/aggregated': ownActivity,
    'GET /tag/daily/activity': ownActivity,
    'GET /tag/daily/activity/aggregated': ownActivity,
    'GET /tag/distinct': ownActivity,
    'GET /tag/dau': ownActivity,
    'GET /tag/wau': ownActivity,
    'GET /tag/mau': ownActivity,
    'GET /tag/summary': ownActivity,
    'GET /tag/user-agent/per-user-analytics': ownActivity,
    'GET /customer/daily/activity': allSpend,
    'GET /customer/daily/activity/aggregated': allSpend,
    'GET /end_user/daily/activity': allSpend,
    'GET /end_user/daily/activity/aggregated': allSpend,
  }),
} as const satisfies RouteRows;
