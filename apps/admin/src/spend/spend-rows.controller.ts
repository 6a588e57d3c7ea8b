import { DailySums, ownView, Ranking, Views } from '#libs/budget';
import { type Principal, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { notYours } from '#libs/tenancy';
import { z } from 'zod';
import { ReadsApart } from '../apart/reads-apart.js';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { name } from '../http/fields.schemas.js';
import { toApiTime } from '../http/wire.js';

const usersQuery = z.object({ user_id: name.optional() });
/** Dates are accepted and change nothing, as in the contract. */
const tagsQuery = z.object({
  start_date: z.string().max(40).optional(),
  end_date: z.string().max(40).optional(),
});
import { keyRowsShape, tagRowsShape, userRowsShape } from './spend-shapes.js';

/** Rows in one answer: the largest. */
const MOST = 1_000;

/** Who and what spent most. */
@AdminController()
@ReadsApart()
export class SpendRowsController {
  constructor(
    private readonly ranking: Ranking,
    private readonly sums: DailySums,
    private readonly views: Views,
  ) {}

  @Handles('GET /spend/keys')
  @Answers('Lists the keys that spent most', keyRowsShape)
  async keys(@Caller() caller: Principal): Promise<readonly object[]> {
    const keys = await this.ranking.keys(ownView(caller), MOST);
    return keys.map((key) => ({
      token: key.hash,
      key_name: key.maskedName,
      key_alias: key.alias,
      spend: usdNumber(key.spentNanoUsd),
      max_budget: dollars(key.maxBudgetNano),
      models: key.models,
      user_id: key.userId,
      team_id: key.teamId,
      organization_id: key.organizationId,
      created_at: toApiTime(key.createdAt),
    }));
  }

  @Handles('GET /spend/users')
  @Answers('Lists the users that spent most, or one of them', userRowsShape)
  async users(
    @Caller() caller: Principal,
    @AdminQuery(usersQuery) query: z.output<typeof usersQuery>,
  ): Promise<readonly object[]> {
    const view = ownView(caller);
    const asked = query.user_id || undefined;
    if (!view.everything && asked !== undefined && asked !== view.userId) throw notYours('user', 'user_id');
    if (!view.everything && view.userId === undefined) return [];
    const users = await this.ranking.users(asked ?? view.userId, MOST);
    return users.map((user) => ({
      user_id: user.id,
      user_email: user.email,
      user_alias: user.alias,
      user_role: user.role,
      spend: usdNumber(user.spentNanoUsd),
      max_budget: dollars(user.maxBudgetNano),
      models: user.models,
    }));
  }

  @Handles('GET /spend/tags')
  @Answers('Lists tags with their calls and spend', tagRowsShape)
  async tags(
    @Caller() caller: Principal,
    @AdminQuery(tagsQuery) _query: z.output<typeof tagsQuery>,
  ): Promise<readonly object[]> {
    const view = await this.views.of(caller);
    const rows = await this.sums.sum({ view, by: ['tag'], coarse: 'tagged', fine: 'tags', top: MOST });
    return rows.map(({ tag, requests, spendNanoUsd }) => ({
      individual_request_tag: tag,
      log_count: requests,
      total_spend: usdNumber(spendNanoUsd),
    }));
  }
}

function dollars(nano: string | null): number | null {
  return nano === null ? null : usdNumber(BigInt(nano));
}
