import { ADMINISTRATORS_LOOK } from './manage.js';
import { type RouteRows, tellingDetail } from './route-policy.js';

const why = {
  groups: ['info_routes'],
  access: 'any_caller',
  ownership: 'own_decisions',
  reachesProvider: false,
} as const;

/** What was done, whether the record of it is whole, what is known of a person, and why somebody was refused. */
export const TRUST_ROUTES = {
  'POST /privacy/export': { ...ADMINISTRATORS_LOOK, access: ['proxy_admin'] },
  'POST /privacy/erase': { ...ADMINISTRATORS_LOOK, access: ['proxy_admin'] },
  'GET /decisions/{id}': why,
  'POST /explain': why,
  ...tellingDetail({
    'GET /audit': ADMINISTRATORS_LOOK,
    'GET /audit/export': ADMINISTRATORS_LOOK,
    'GET /audit/verify': ADMINISTRATORS_LOOK,
    'GET /audit/{id}': ADMINISTRATORS_LOOK,
  }),
} as const satisfies RouteRows;
