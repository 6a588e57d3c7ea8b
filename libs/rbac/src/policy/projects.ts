import { delegated, ownRead } from './people.js';
import { tellingDetail } from './route-policy.js';

/** Parts of a team's work. */
export const PROJECT_ROUTES = tellingDetail({
  'POST /project/new': delegated('own_teams', 'project.created'),
  'POST /project/update': delegated('own_teams', 'project.updated'),
  'DELETE /project/delete': delegated('own_teams', 'project.deleted'),
  'GET /project/info': ownRead('own_teams', 'internal_user_routes'),
  'GET /project/list': ownRead('own_teams', 'internal_user_routes'),
});
