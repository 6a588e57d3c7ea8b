import { ADMINISTRATORS_LOOK, manage } from './manage.js';
import type { RouteRows } from './route-policy.js';

const updated = manage(['proxy_admin'], 'config.updated');
const deleted = manage(['proxy_admin'], 'config.deleted');

/** Settings that change while it runs. */
export const SETTING_ROUTES = {
  'POST /config/update': updated,
  'GET /config/list': ADMINISTRATORS_LOOK,
  'GET /config/field/info': ADMINISTRATORS_LOOK,
  'POST /config/field/update': updated,
  'POST /config/field/delete': deleted,
  'POST /config/callback/delete': deleted,
  'GET /config/yaml': {
    groups: ['public_routes'],
    access: 'public',
    ownership: 'none',
    reachesProvider: false,
  },
  'GET /config/pass_through_endpoint': ADMINISTRATORS_LOOK,
  'GET /config/pass_through_endpoint/team/{team_id}': ADMINISTRATORS_LOOK,
  'POST /config/pass_through_endpoint': manage(['proxy_admin'], 'pass_through_endpoint.created'),
  'POST /config/pass_through_endpoint/{id}': manage(['proxy_admin'], 'pass_through_endpoint.updated'),
  'DELETE /config/pass_through_endpoint': manage(['proxy_admin'], 'pass_through_endpoint.deleted'),
  'GET /config/cost_discount_config': ADMINISTRATORS_LOOK,
  'GET /config/cost_margin_config': ADMINISTRATORS_LOOK,
  'GET /config/block_requests_for_models_without_pricing': ADMINISTRATORS_LOOK,
  'GET /get/config/callbacks': ADMINISTRATORS_LOOK,
  'GET /callbacks/list': ADMINISTRATORS_LOOK,
  'GET /callbacks/configs': ADMINISTRATORS_LOOK,
  'GET /settings': ADMINISTRATORS_LOOK,
  'GET /active/callbacks': ADMINISTRATORS_LOOK,
  'GET /router/settings': ADMINISTRATORS_LOOK,
  'GET /get/internal_user_settings': ADMINISTRATORS_LOOK,
  'PATCH /update/internal_user_settings': updated,
  'GET /get/default_team_settings': ADMINISTRATORS_LOOK,
  'PATCH /update/default_team_settings': updated,
  'GET /get/allowed_ips': ADMINISTRATORS_LOOK,
  'POST /add/allowed_ip': updated,
  'POST /delete/allowed_ip': deleted,
} as const satisfies RouteRows;
