import { manage } from './manage.js';
import { type RoutePolicy, type RouteRows, tellingDetail } from './route-policy.js';

const ADMIN = ['proxy_admin'] as const;

const read = {
  groups: ['info_routes', 'management_routes'],
  access: ['proxy_admin', 'proxy_admin_viewer'],
  ownership: 'none',
  reachesProvider: false,
} as const satisfies RoutePolicy;

/** A customer may look at itself. */
const customerRead = {
  ...read,
  access: ['proxy_admin', 'proxy_admin_viewer', 'customer'],
  ownership: 'own_spend',
} as const satisfies RoutePolicy;

/** Customers, budgets and tags. */
export const MONEY_ROUTES = {
  'POST /customer/new': manage(ADMIN, 'customer.created'),
  'POST /end_user/new': manage(ADMIN, 'customer.created'),
  'POST /customer/update': manage(ADMIN, 'customer.updated'),
  'POST /end_user/update': manage(ADMIN, 'customer.updated'),
  'POST /customer/delete': manage(ADMIN, 'customer.deleted'),
  'POST /end_user/delete': manage(ADMIN, 'customer.deleted'),
  'POST /end_user/block': manage(ADMIN, 'customer.blocked'),
  'POST /end_user/unblock': manage(ADMIN, 'customer.unblocked'),
  'GET /customer/info': customerRead,
  'GET /end_user/info': customerRead,
  'GET /customer/list': read,
  'GET /end_user/list': read,
  ...tellingDetail({
    'POST /customer/block': manage(ADMIN, 'customer.blocked'),
    'POST /customer/unblock': manage(ADMIN, 'customer.unblocked'),
    'POST /budget/new': manage(ADMIN, 'budget.created'),
    'POST /budget/update': manage(ADMIN, 'budget.updated'),
    'POST /budget/delete': manage(ADMIN, 'budget.deleted'),
    'POST /budget/info': read,
    'GET /budget/list': read,
    'GET /budget/settings': read,
    'POST /tag/new': manage(ADMIN, 'tag.created'),
    'POST /tag/update': manage(ADMIN, 'tag.updated'),
    'POST /tag/delete': manage(ADMIN, 'tag.deleted'),
    'POST /tag/info': read,
    'GET /tag/list': read,
  }),
} as const satisfies RouteRows;
