import { ADMINISTRATORS_LOOK, manage } from './manage.js';
import { tellingDetail } from './route-policy.js';

/** Providers' secrets under names. */
export const CREDENTIAL_ROUTES = tellingDetail({
  'POST /credentials': manage(['proxy_admin'], 'credential.created'),
  'GET /credentials': ADMINISTRATORS_LOOK,
  'GET /credentials/by_name/{name}': ADMINISTRATORS_LOOK,
  'GET /credentials/by_model/{id}': ADMINISTRATORS_LOOK,
  'PATCH /credentials/{name}': manage(['proxy_admin'], 'credential.updated'),
  'DELETE /credentials/{name}': manage(['proxy_admin'], 'credential.deleted'),
});
