import { TeamMember, User } from '#libs/database';
import { newId } from '#libs/kernel';
import type { EntityManager } from 'typeorm';

/** Somebody to be made a member: named by id, or found by e-mail address. */
export interface MemberDraft {
  readonly userId?: string | undefined;
  readonly email?: string | undefined;
  readonly role: 'admin' | 'user';
}

/**
 * Makes the people members of the team, making those who do not exist yet. Naming somebody twice is harmless; the
 * stronger role wins.
 */
export async function addMembers(
  manager: EntityManager,
  teamId: string,
  drafts: readonly MemberDraft[],
): Promise<void> {
  for (const draft of drafts) {
    const userId = await findOrMakeUser(manager, draft);
    await manager.query(
      `INSERT INTO team_members (team_id, user_id, role) VALUES ($1, $2, $3)
       ON CONFLICT (team_id, user_id) DO UPDATE SET role = excluded.role WHERE excluded.role = 'admin'`,
      [teamId, userId, draft.role],
    );
  }
}

/** The members of the teams, with what is known of them. */
export async function membersOf(
  manager: EntityManager,
  teamIds: readonly string[],
): Promise<readonly Membership[]> {
  return manager.query(
    `SELECT m.team_id AS "teamId", m.user_id AS "userId", m.role, u.email, u.alias
       FROM team_members m JOIN users u ON u.id = m.user_id
      WHERE m.team_id = ANY($1) ORDER BY m.created_at, m.user_id`,
    [teamIds],
  );
}

export interface Membership {
  readonly teamId: string;
  readonly userId: string;
  readonly role: TeamMember['role'];
  readonly email: string | null;
  readonly alias: string | null;
}

async function findOrMakeUser(manager: EntityManager, { userId, email }: MemberDraft): Promise<string> {
  if (userId !== undefined) {
    await manager.query('INSERT INTO users (id) VALUES ($1) ON CONFLICT DO NOTHING', [userId]);
    return userId;
  }
  // Of two that name a new address at once, one inserts and the other finds it.
  await manager.query('INSERT INTO users (id, email) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    newId('user'),
    email,
  ]);
  const found = await manager
    .createQueryBuilder(User, 'user')
    .where('lower(user.email) = lower(:email)', { email })
    .getOneOrFail();
  return found.id;
}
