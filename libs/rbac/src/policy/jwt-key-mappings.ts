import { ADMINISTRATORS_LOOK, manage } from './manage.js';
import { tellingDetail } from './route-policy.js';

const ADMIN = ['proxy_admin'] as const;

/** Claims of signed tokens that stand for virtual keys. */
export const JWT_KEY_MAPPING_ROUTES = tellingDetail({
  'POST /jwt/key/mapping/new': manage(ADMIN, 'jwt_key_mapping.created'),
  'POST /jwt/key/mapping/update': manage(ADMIN, 'jwt_key_mapping.updated'),
  'POST /jwt/key/mapping/delete': manage(ADMIN, 'jwt_key_mapping.deleted'),
  'GET /jwt/key/mapping/list': ADMINISTRATORS_LOOK,
  'GET /jwt/key/mapping/info': ADMINISTRATORS_LOOK,
});
