import { manage } from './manage.js';
import { delegated, ownRead } from './people.js';
import { type RouteRows, tellingDetail } from './route-policy.js';

const changed = delegated('own_teams', 'team.updated');

/** Teams, their members and what they may do. */
export const TEAM_ROUTES = {
  'POST /team/new': delegated('own_organizations', 'team.created'),
  'POST /team/update': changed,
  'GET /team/info': ownRead('own_teams', 'info_routes'),
  ...tellingDetail({
    'PATCH /team/{team_id}': changed,
    'POST /team/delete': delegated('own_teams', 'team.deleted'),
    'POST /team/block': delegated('own_teams', 'team.blocked'),
    'POST /team/unblock': delegated('own_teams', 'team.unblocked'),
    'POST /team/model/add': changed,
    'POST /team/model/delete': changed,
    'POST /team/permissions_update': changed,
    'POST /team/permissions_bulk_update': manage(['proxy_admin'], 'team.updated'),
    'POST /team/member_add': delegated('own_teams', 'team_member.created'),
    'POST /team/bulk_member_add': delegated('own_teams', 'team_member.created'),
    'POST /team/member_update': delegated('own_teams', 'team_member.updated'),
    'POST /team/member_delete': delegated('own_teams', 'team_member.deleted'),
    'POST /team/{team_id}/member/{user_id}/reset_budget': delegated('own_teams', 'team_member.updated'),
    'POST /team/{team_id}/member/{user_id}/reset_spend': delegated('own_teams', 'team_member.updated'),
    'GET /team/list': ownRead('own_teams', 'info_routes'),
    'GET /v2/team/list': ownRead('own_teams', 'info_routes'),
    'GET /team/available': ownRead('own_teams', 'info_routes'),
    'GET /team/metadata_schema': ownRead('none', 'info_routes'),
    'GET /team/permissions_list': ownRead('own_teams'),
    'GET /team/filter/ui': ownRead('own_teams', 'info_routes'),
    'GET /team/{team_id}/members/me': ownRead('own_teams', 'info_routes'),
  }),
} as const satisfies RouteRows;
