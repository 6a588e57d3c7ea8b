import { manage } from './manage.js';
import type { RoutePolicy, RouteRows } from './route-policy.js';

const read = {
  groups: ['management_routes'],
  access: ['proxy_admin', 'proxy_admin_viewer'],
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;
const updated = manage(['proxy_admin'], 'config.updated');
const deleted = manage(['proxy_admin'], 'config.deleted');

/** Settings that change while it runs. */
export const SETTING_ROUTES = {
  'POST /config/update': updated,
  'GET /config/list': read,
  'GET /config/field/info': read,
  'POST /config/field/update': updated,
  'POST /config/field/delete': deleted,
  'POST /config/callback/delete': deleted,
  'GET /config/yaml': {
    groups: ['public_routes'],
    access: 'public',
    ownership: 'none',
    reachesProvider: false,
  },
  'GET /config/pass_through_endpoint': read,
  'GET /config/cost_discount_config': read,
  'GET /config/cost_margin_config': read,
  'GET /config/block_requests_for_models_without_pricing': read,
  'GET /get/config/callbacks': read,
  'GET /callbacks/list': read,
  'GET /callbacks/configs': read,
  'GET /settings': read,
  'GET /active/callbacks': read,
  'GET /router/settings': read,
  'GET /get/internal_user_settings': read,
  'PATCH /update/internal_user_settings': updated,
  'GET /get/default_team_settings': read,
  'PATCH /update/default_team_settings': updated,
  'GET /get/allowed_ips': read,
  'POST /add/allowed_ip': updated,
  'POST /delete/allowed_ip': deleted,
} as const satisfies RouteRows;
