import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { z } from 'zod';
import { ActivityScopes } from '../activity/activity-scopes.js';
import { teamSpendQuery } from '../activity/activity.schemas.js';
import { ReadsApart } from '../apart/reads-apart.js';
import { toDays } from '../http/days.schemas.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { TeamSpend } from './team-spend.js';

const shape = z.object({
  start_date: z.string(),
  end_date: z.string(),
  results: z.array(z.looseObject({ team_id: z.string(), user_id: z.string().nullable(), spend: z.number() })),
});

/** Who in a team spent how much: for its administrators, and for members whom it permits its activity; others see themselves. */
@AdminController()
@ReadsApart()
export class TeamSpendController {
  constructor(
    private readonly scopes: ActivityScopes,
    private readonly spend: TeamSpend,
  ) {}

  @Handles('GET /team/spend/by_user')
  @Answers('Shows what the people of teams spent', shape)
  async byUser(
    @Caller() caller: Principal,
    @AdminQuery(teamSpendQuery) query: z.output<typeof teamSpendQuery>,
  ): Promise<object> {
    const range = toDays(query);
    const asked = await this.scopes.team(caller, query.team_ids, undefined);
    return {
      start_date: range.from,
      end_date: range.until,
      results: await this.spend.byUser(caller, asked, range),
    };
  }
}
