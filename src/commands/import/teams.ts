import { Team, TeamMember } from '#libs/database';
import { textsIn } from '#libs/kernel';
import type { Draft, Noun } from './draft.js';
import { limitsOf, metadataOf, noteUsed, period } from './limits.js';
import type { Omissions } from './omissions.js';
import { originOf, spendOf } from './origin.js';
import type { Row, Source } from './source.js';
import { cap, count, list, record, text } from './values.js';

const UNUSED = ['object_permission_id', 'router_settings', 'policies', 'allow_team_guardrail_config'];
const TAKEN = ['tags', 'team_member_key_duration', 'team_member_budget_id', 'model_aliases'];

export function teams(source: Source, omissions: Omissions): Noun {
  const aliases = new Map(
    source.rows('ModelTable').map((row) => [row['id'], record(row['aliases'] ?? row['model_aliases'])]),
  );
  const budgetRows = budgetsById(source);
  const drafts = source.rows('TeamTable').map((row): Draft => {
    const id = String(row['team_id']);
    const name = text(row['team_alias']) ?? id;
    const note = omissions.of('teams', name);
    noteUsed(row, UNUSED, note);
    const metadata = record(row['metadata']);
    const member = budgetRows.get(String(metadata['team_member_budget_id'])) ?? {};
    const permissions = textsIn(row['team_member_permissions']);
    const columns = {
      ...limitsOf(row, note),
      alias: text(row['team_alias']),
      organizationId: text(row['organization_id']),
      models: textsIn(row['models']),
      modelAliases: aliases.get(row['model_id']) ?? {},
      tags: textsIn(metadata['tags']),
      metadata: metadataOf(row, TAKEN, note),
      blocked: row['blocked'] === true,
      memberPermissions: permissions.length === 0 ? null : permissions,
      memberMaxBudgetNano: cap(member['max_budget'], 'the members’ budget', note),
      memberBudgetDuration: period(member['budget_duration'], note),
      memberRpmLimit: count(member['rpm_limit']),
      memberTpmLimit: count(member['tpm_limit'], Number.MAX_SAFE_INTEGER),
      memberKeyDuration: text(metadata['team_member_key_duration']),
      memberModels: textsIn(row['default_team_member_models']),
    };
    return { id, name, identity: { id }, columns, once: originOf(row), spend: spendOf(row) };
  });
  return {
    label: 'teams',
    change: 'team',
    scope: 'team',
    entity: Team,
    drafts,
    idOf: (row) => String(row['id']),
  };
}

/** From `members_with_roles`, and from the older lists beside it. */
export function teamMembers(
  source: Source,
  omissions: Omissions,
  knows: (noun: 'user' | 'team', id: string) => boolean,
): Noun {
  const budgetRows = budgetsById(source);
  const memberships = new Map(
    source.rows('TeamMembership').map((row) => [`${row['team_id']}:${row['user_id']}`, row]),
  );
  const drafts = new Map<string, Draft>();
  for (const team of source.rows('TeamTable')) {
    const teamId = String(team['team_id']);
    for (const { userId, role, email } of membersOf(team)) {
      const id = `${teamId}:${userId ?? email}`;
      const note = omissions.of('team members', id);
      if (userId === undefined || !knows('user', userId) || !knows('team', teamId)) {
        note('the user or the team is not there');
        continue;
      }
      const membership = memberships.get(id) ?? {};
      const columns = {
        ...limitsOf(membership, note),
        allowedModels: textsIn(budgetRows.get(String(membership['budget_id']))?.['allowed_models']),
      };
      const once = { ...originOf(membership), role };
      if (!drafts.has(id))
        drafts.set(id, {
          id,
          name: id,
          identity: { teamId, userId },
          columns,
          once,
          spend: spendOf(membership),
        });
    }
  }
  for (const id of memberships.keys())
    if (!drafts.has(id)) omissions.add('team memberships: of nobody who is a member', id);
  return {
    label: 'team members', change: 'team_member', scope: 'team_member', entity: TeamMember, drafts: [...drafts.values()],
    idOf: (row) => `${row['teamId']}:${row['userId']}`,
  }; // prettier-ignore
}

interface Member {
  readonly userId: string | undefined;
  readonly email: string;
  readonly role: 'admin' | 'user';
}

function membersOf(team: Row): Member[] {
  const named = list(team['members_with_roles']).map((one): Member => {
    const { user_id, user_email, role } = record(one);
    return {
      userId: text(user_id) ?? undefined,
      email: text(user_email) ?? '?',
      role: role === 'admin' ? 'admin' : 'user',
    };
  });
  const plain = (column: string, role: Member['role']): Member[] =>
    textsIn(team[column]).map((userId) => ({ userId, email: userId, role }));
  return [...named, ...plain('admins', 'admin'), ...plain('members', 'user')];
}

function budgetsById(source: Source): Map<string, Row> {
  return new Map(source.rows('BudgetTable').map((row) => [String(row['budget_id']), row]));
}
