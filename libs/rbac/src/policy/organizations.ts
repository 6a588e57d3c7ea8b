import { manage } from './manage.js';
import { delegated, ownRead } from './people.js';
import { type RouteRows, tellingDetail } from './route-policy.js';

const changed = delegated('own_organizations', 'organization.updated');

/** Organizations, their members, and invitations of people. */
export const ORGANIZATION_ROUTES = {
  'POST /invitation/new': delegated('own_people', 'invitation.created'),
  ...tellingDetail({
    'POST /organization/new': manage(['proxy_admin'], 'organization.created'),
    'PATCH /organization/update': changed,
    'PATCH /v2/organization/{organization_id}': changed,
    'DELETE /organization/delete': manage(['proxy_admin'], 'organization.deleted'),
    'GET /organization/list': ownRead('own_organizations', 'info_routes'),
    'GET /organization/info': ownRead('own_organizations'),
    'POST /organization/info': ownRead('own_organizations'),
    'POST /organization/member_add': delegated('own_organizations', 'organization_member.created'),
    'PATCH /organization/member_update': delegated('own_organizations', 'organization_member.updated'),
    'DELETE /organization/member_delete': delegated('own_organizations', 'organization_member.deleted'),
    'GET /invitation/info': ownRead('own_people'),
    'POST /invitation/update': delegated('own_people', 'invitation.updated'),
    'POST /invitation/delete': delegated('own_people', 'invitation.deleted'),
  }),
} as const satisfies RouteRows;
