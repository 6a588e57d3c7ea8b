import { HttpCode, Param } from '@nestjs/common';
import { GatewayError, usdNumber } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, type MemberDraft, TeamMembers, UserCatalogue } from '#libs/tenancy';
import { z } from 'zod';
import { toPerson } from '../http/person.schemas.js';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { TEAM_ROW } from '../people/people-answers.schemas.js';
import { toApiTime, toApiUsd } from '../http/wire.js';
import { resetSpendBody, type ResetSpendBody } from '../keys/keys.schemas.js';
import { TeamAnswers } from './team-answers.js';
import {
  type BulkMemberAddBody,
  bulkMemberAddBody,
  memberAddBody,
  type MemberAddBody,
  memberDeleteBody,
  type MemberDeleteBody,
  memberUpdateBody,
  type MemberUpdateBody,
  toMemberChange,
} from './team-members.schemas.js';
import { MOST_MEMBERS, toMember } from './teams.schemas.js';

/** Changes who is in which team. Who may is decided in `TeamMembers`. */
@AdminController()
export class TeamMembersController {
  constructor(
    private readonly members: TeamMembers,
    private readonly users: UserCatalogue,
    private readonly answers: TeamAnswers,
  ) {}

  @Handles('POST /team/member_add')
  @Answers('Makes people members of a team', TEAM_ROW)
  @HttpCode(200)
  async add(@By() author: Author, @AdminBody(memberAddBody) body: MemberAddBody): Promise<object> {
    const joined = await this.members.add(
      author,
      body.team_id,
      body.member.map(toMember),
      toMemberChange(body),
    );
    const ids = new Set(joined.joined.map(({ userId }) => userId));
    return {
      ...(await this.answers.one(joined)),
      updated_users: joined.members
        .filter(({ userId }) => ids.has(userId))
        .map(({ userId, email, alias }) => ({ user_id: userId, user_email: email, user_alias: alias })),
      updated_team_memberships: joined.joined.map((member) =>
        this.answers.membership(member, joined.team, 0n),
      ),
    };
  }

  /** Each for itself: one who cannot be added does not keep the others out. */
  @Handles('POST /team/bulk_member_add')
  @Answers(
    'Makes many people members of a team, each on its own',
    z.looseObject({ results: z.array(z.looseObject({})) }),
  )
  @HttpCode(200)
  async addMany(
    @By() author: Author,
    @AdminBody(bulkMemberAddBody) body: BulkMemberAddBody,
  ): Promise<object> {
    const drafts = body.all_users ? await this.#everybody(author) : (body.members ?? []).map(toMember);
    const results: object[] = [];
    let updated: object | null = null;
    let added = 0;
    for (const draft of drafts) {
      try {
        const joined = await this.members.add(author, body.team_id, [draft], toMemberChange(body));
        const [member] = joined.joined;
        updated = await this.answers.one(joined);
        added += 1;
        results.push(result(draft, null, member && this.answers.membership(member, joined.team, 0n)));
      } catch (thrown) {
        // A refusal of the person is a line of the answer; one of the whole call is the answer.
        if (!(thrown instanceof GatewayError) || thrown.code !== 'request.already_member') throw thrown;
        results.push(result(draft, thrown.publicMessage));
      }
    }
    return {
      team_id: body.team_id,
      results,
      total_requested: drafts.length,
      successful_additions: added,
      failed_additions: drafts.length - added,
      updated_team: updated,
    };
  }

  @Handles('POST /team/member_update')
  @Answers('Changes a member of a team', z.looseObject({ team_id: z.string(), user_id: z.string() }))
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(memberUpdateBody) body: MemberUpdateBody): Promise<object> {
    const { member, email } = await this.members.update(
      author,
      body.team_id,
      toPerson(body),
      toMemberChange(body),
    );
    return {
      team_id: member.teamId,
      user_id: member.userId,
      user_email: email,
      role: member.role,
      max_budget_in_team: toApiUsd(member.maxBudgetNano),
      budget_duration: member.budgetDuration,
      tpm_limit: member.tpmLimit,
      rpm_limit: member.rpmLimit,
      allowed_models: member.allowedModels,
      temp_budget_increase: toApiUsd(member.tempBudgetNano),
      temp_budget_expiry: toApiTime(member.tempBudgetEndsAt),
    };
  }

  @Handles('POST /team/member_delete')
  @Answers('Ends a membership in a team', TEAM_ROW)
  @HttpCode(200)
  async delete(@By() author: Author, @AdminBody(memberDeleteBody) body: MemberDeleteBody): Promise<object> {
    return this.answers.one(await this.members.remove(author, body.team_id, toPerson(body)));
  }

  /** Back to what the team gives everybody. */
  @Handles('POST /team/{team_id}/member/{user_id}/reset_budget')
  @Answers("Takes a member's own budget away", z.looseObject({}))
  @HttpCode(200)
  async resetBudget(
    @By() author: Author,
    @Param('team_id') teamId: string,
    @Param('user_id') userId: string,
  ): Promise<object> {
    const { team, before, member } = await this.members.update(
      author,
      teamId,
      { userId },
      {
        capNanoUsd: null,
        softCapNanoUsd: null,
        budgetDuration: null,
        budgetId: null,
        budgetWindows: [],
        requestsPerMinute: null,
        tokensPerMinute: null,
        increase: null,
      },
    );
    const { budget_source: source } = this.answers.membership(member, team, 0n);
    return {
      team_id: teamId,
      user_id: userId,
      budget_id: null,
      previous_budget_id: before.budgetId,
      budget_source: source,
    };
  }

  @Handles('POST /team/{team_id}/member/{user_id}/reset_spend')
  @Answers('Sets what a member has spent', z.looseObject({}))
  @HttpCode(200)
  async resetSpend(
    @By() author: Author,
    @Param('team_id') teamId: string,
    @Param('user_id') userId: string,
    @AdminBody(resetSpendBody) body: ResetSpendBody,
  ): Promise<object> {
    const { previousNanoUsd, capNanoUsd } = await this.members.resetSpend(
      author,
      teamId,
      userId,
      body.reset_to,
    );
    return {
      team_id: teamId,
      user_id: userId,
      spend: usdNumber(body.reset_to),
      previous_spend: usdNumber(previousNanoUsd),
      max_budget: toApiUsd(capNanoUsd),
    };
  }

  async #everybody({ principal }: Author): Promise<MemberDraft[]> {
    if (principal.role !== 'proxy_admin')
      throw new GatewayError('rbac.forbidden', 'Only a proxy administrator can add all users.', {
        param: 'all_users',
      });
    const users = await this.users.everybody(principal, MOST_MEMBERS);
    return users.map(({ id }) => ({ userId: id, role: 'user' }));
  }
}

function result({ userId, email }: MemberDraft, error: string | null, membership?: object): object {
  return {
    user_id: userId ?? null,
    user_email: email ?? null,
    success: error === null,
    error,
    updated_user: null,
    updated_team_membership: membership ?? null,
  };
}
