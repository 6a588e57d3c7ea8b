// Every list and every report, as the console and people's scripts ask for them.
import { hashOf } from './seed.mjs';

const DAY_MS = 86_400_000;
const day = (ago) => new Date(Date.now() - ago * DAY_MS).toISOString().slice(0, 10);

/** Name and path of each. `n` makes the asked-for names differ from request to request. */
export function routesAt(n) {
  const month = `start_date=${day(29)}&end_date=${day(0)}`;
  const week = `start_date=${day(6)}&end_date=${day(0)}`;
  const log = `start_date=${day(6)} 00:00:00&end_date=${day(0)} 23:59:59`;
  return [
    ['keys, first page', '/key/list?size=100&return_full_object=true'],
    ['keys, by spend', '/key/list?size=100&return_full_object=true&sort_by=spend'],
    ['keys of a team', `/key/list?size=100&team_id=team-${n % 10}`],
    ['users, first page', '/user/list?page_size=100'],
    ['teams, first page', '/v2/team/list?page_size=100'],
    ['log, a week', `/spend/logs/v2?${log}`],
    [
      'log, by spend',
      `/spend/logs/v2?start_date=${day(0)} 00:00:00&end_date=${day(0)} 23:59:59&sort_by=spend`,
    ],
    ['log of a key', `/spend/logs/v2?${log}&api_key=${hashOf(n)}`],
    ['log of a team', `/spend/logs/v2?${log}&team_id=team-${n % 10}`],
    ['log of a user', `/spend/logs/v2?${log}&user_id=user-${n}`],
    ['log of a session', `/spend/logs/session/ui?session_id=session-${n * 1_000}`],
    ['log, one request', `/spend/logs?request_id=chatcmpl-${n * 1_000}`],
    ['log by day', `/spend/logs?${week}`],
    ['log by day, a user', `/spend/logs?${month}&user_id=user-${n}`],
    ['spend by key', '/spend/keys'],
    ['spend by user', '/spend/users'],
    ['spend by tag', '/spend/tags'],
    ['global spend', '/global/spend'],
    ['global by day', '/global/spend/logs'],
    ['global by day, a key', `/global/spend/logs?api_key=${hashOf(n)}`],
    ['global keys', '/global/spend/keys?limit=10'],
    ['global models', '/global/spend/models?limit=10'],
    ['global teams', '/global/spend/teams'],
    ['global customers', '/global/spend/end_users', {}],
    ['global providers', `/global/spend/provider?${month}`],
    ['global tags', `/global/spend/tags?${month}`],
    ['tag names', '/global/spend/all_tag_names'],
    ['customer names', '/global/all_end_users'],
    ['report by team', `/global/spend/report?${week}`],
    ['report by customer', `/global/spend/report?${week}&group_by=customer`],
    ['people of all teams', `/team/spend/by_user?${month}`],
    ['people of a team', `/team/spend/by_user?${month}&team_ids=team-${n % 10}`],
    ['report of a team', `/global/spend/report?${month}&team_id=team-${n % 10}`],
    ['activity', `/global/activity?${month}`],
    ['activity by model', `/global/activity/model?${month}`],
    ['failures', `/global/activity/exceptions?${month}`],
    ['days of all users', `/user/daily/activity?${month}`],
    ['days of a user', `/user/daily/activity?${month}&user_id=user-${n}`],
    ['days of all teams', `/team/daily/activity?${month}`],
    ['days of a team', `/team/daily/activity?${month}&team_ids=team-${n % 10}`],
    ['days of a team, whole', `/team/daily/activity/aggregated?${month}&team_ids=team-${n % 10}`],
    ['days of an organization', `/organization/daily/activity?${month}&organization_ids=org-${n % 10}`],
    ['days of all customers', `/customer/daily/activity?${month}`],
    ['days of a customer', `/customer/daily/activity?${month}&end_user_ids=customer-${n}`],
    ['days of all tags', `/tag/daily/activity?${month}`],
    ['days of a tag', `/tag/daily/activity?${month}&tags=tag-${n % 10}`],
    ['days of a model', `/user/daily/activity?${month}&model=model-${n % 10}`],
  ];
}
