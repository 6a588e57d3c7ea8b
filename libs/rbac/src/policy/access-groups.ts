import { ADMINISTRATORS_LOOK, manage } from './manage.js';
import { tellingDetail } from './route-policy.js';

const created = manage(['proxy_admin'], 'access_group.created');
const updated = manage(['proxy_admin'], 'access_group.updated');
const deleted = manage(['proxy_admin'], 'access_group.deleted');

/** Models under a name: as a word that models carry, and as something that teams and keys are given. */
export const ACCESS_GROUP_ROUTES = tellingDetail({
  'POST /access_group/new': created,
  'GET /access_group/list': ADMINISTRATORS_LOOK,
  'GET /access_group/{group}/info': ADMINISTRATORS_LOOK,
  'PUT /access_group/{group}/update': updated,
  'DELETE /access_group/{group}/delete': deleted,
  'POST /v1/access_group': created,
  'GET /v1/access_group': ADMINISTRATORS_LOOK,
  'GET /v1/access_group/{id}': ADMINISTRATORS_LOOK,
  'PUT /v1/access_group/{id}': updated,
  'DELETE /v1/access_group/{id}': deleted,
  'POST /v1/unified_access_group': created,
  'GET /v1/unified_access_group': ADMINISTRATORS_LOOK,
  'GET /v1/unified_access_group/{id}': ADMINISTRATORS_LOOK,
  'PUT /v1/unified_access_group/{id}': updated,
  'DELETE /v1/unified_access_group/{id}': deleted,
});
