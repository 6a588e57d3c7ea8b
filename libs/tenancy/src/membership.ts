import type { Config } from '#libs/config';
import { type Team, TeamMember, User, OrganizationMember } from '#libs/database';
import { GatewayError, newId } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { notYours } from './authority/refusals.js';
import { administersOrganization, type Standing } from './authority/standing.js';
import { newUserColumns } from './new-user.js';
import type { Transaction } from './transactions.js';

/** Somebody named by id or by e-mail address. */
export interface PersonNamed {
  readonly userId?: string | undefined;
  readonly email?: string | undefined;
}

/** Somebody to be made a member. */
export interface MemberDraft extends PersonNamed {
  readonly role: 'admin' | 'user';
}

/** Somebody in a team, as lists show it. */
export interface Membership {
  readonly teamId: string;
  readonly userId: string;
  readonly role: TeamMember['role'];
  readonly email: string | null;
  readonly alias: string | null;
}

/**
 * Makes the people members of the team, making those who do not exist yet. Naming somebody twice is harmless; the stronger
 * role wins. Returns their ids.
 */
export async function addMembers(
  transaction: Transaction,
  config: Config,
  standing: Standing,
  team: Team,
  drafts: readonly MemberDraft[],
): Promise<string[]> {
  const ids: string[] = [];
  for (const draft of drafts) {
    const id = await findOrMakeUser(transaction, config, standing, draft, team.organizationId);
    await transaction.manager.query(
      `INSERT INTO team_members (team_id, user_id, role, allowed_models) VALUES ($1, $2, $3, $4)
       ON CONFLICT (team_id, user_id) DO UPDATE SET role = excluded.role WHERE excluded.role = 'admin'`,
      [team.id, id, draft.role, team.memberModels],
    );
    await transaction.announce('team_member', `${team.id}:${id}`);
    ids.push(id);
  }
  return ids;
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

/** The user a request names. Throws 400 when it names nobody who is there. */
export async function findUser(manager: EntityManager, named: PersonNamed): Promise<User | null> {
  if (named.userId !== undefined) return manager.findOneBy(User, { id: named.userId });
  return manager
    .createQueryBuilder(User, 'user')
    .where('lower(user.email) = lower(:email)', { email: named.email })
    .getOne();
}

/**
 * The person's id; the person is made if it is not there: as the operator's defaults say, and for those below a proxy
 * administrator as an account of the organization they manage. People of another organization are not theirs to add.
 */
export async function findOrMakeUser(
  transaction: Transaction,
  config: Config,
  standing: Standing,
  named: PersonNamed,
  organizationId: string | null,
): Promise<string> {
  const { manager } = transaction;
  const found = await personNamed(manager, named);
  if (found !== undefined) return assertOurs(manager, standing, found, organizationId);
  const id = named.userId ?? newId('user');
  const user = { ...newUserColumns(config, standing, organizationId), id, email: named.email ?? null };
  // Of two that name a new address at once, one inserts and the other finds it. Nothing is read back: the account is not
  // visible to its maker until it is a member.
  await manager
    .createQueryBuilder()
    .insert()
    .into(User)
    .values(user as never)
    .orIgnore()
    .updateEntity(false)
    .execute();
  const made = await personNamed(
    manager,
    named.userId === undefined ? { email: named.email } : { userId: id },
  );
  if (made === undefined) {
    const message = 'The user cannot be made: its e-mail address is taken.';
    throw new GatewayError('request.bad_field', message, { param: 'user_email' });
  }
  if (made.id !== id) return assertOurs(manager, standing, made, organizationId);
  await transaction.record('created', 'user', id, { before: null, after: user });
  return id;
}

interface Person {
  readonly id: string;
  readonly organizationId: string | null;
}

/** Also who is hidden from the author: see the function's comment in the schema. */
async function personNamed(
  manager: EntityManager,
  { userId, email }: PersonNamed,
): Promise<Person | undefined> {
  const rows: Person[] = await manager.query('SELECT * FROM person_named($1, $2)', [
    userId ?? null,
    email ?? null,
  ]);
  return rows[0];
}

async function assertOurs(
  manager: EntityManager,
  standing: Standing,
  { id, organizationId: home }: Person,
  organizationId: string | null,
): Promise<string> {
  const isElsewhere = home !== null && home !== organizationId && id !== standing.userId;
  if (!isElsewhere || standing.role === 'proxy_admin' || administersOrganization(standing, home)) return id;
  // Somebody may belong to several: whoever administers all of them made him a member here too.
  const isHereToo =
    organizationId !== null && (await manager.existsBy(OrganizationMember, { organizationId, userId: id }));
  if (!isHereToo) throw notYours('user', 'user_id');
  return id;
}
