import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { isRoleName } from '#libs/config';
import { Organization, StoredRole, User } from '#libs/database';
import { GatewayError, isRefusal } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { PROVIDER } from './authors.js';
import { TeamIdentities } from './team-identities.js';
import { USER_ROLES, type UserChange, userColumns } from './user-settings.js';
import { Users } from './users.js';

/** People as an identity provider knows them: found by what a token says, made when the operator wants that. `teams`: the same of teams. */
@Injectable()
export class Identities {
  constructor(
    private readonly database: DataSource,
    private readonly users: Users,
    readonly teams: TeamIdentities,
  ) {}

  /** By our id, else by the provider's subject, else by e-mail address whatever its case. The subject is the id unless it is told apart. */
  async findUser(
    id: string | undefined,
    email: string | undefined,
    subject: string | undefined = id,
  ): Promise<User | null> {
    const repository = this.database.getRepository(User);
    const found =
      (id === undefined ? null : await repository.findOneBy({ id })) ??
      (subject === undefined ? null : await repository.findOneBy({ ssoUserId: subject }));
    if (found || email === undefined) return found;
    return repository.createQueryBuilder('u').where('lower(u.email) = lower(:email)', { email }).getOne();
  }

  /** Makes the user with the operator's defaults; of many who ask at once all get the same one. */
  async ensureUser(
    id: string | undefined,
    email: string | undefined,
    settings: UserChange = {},
  ): Promise<User> {
    try {
      const { user } = await this.users.create(PROVIDER, {
        ...(id === undefined ? {} : { id }),
        settings: {
          ...(email === undefined ? {} : { email }),
          ...(id === undefined ? {} : { ssoUserId: id }),
          ...settings,
        },
        organizationIds: [],
      });
      return user;
    } catch (thrown) {
      const subject = settings.ssoUserId ?? id;
      const present = thrown instanceof GatewayError ? await this.findUser(id, email, subject) : null;
      if (present) return present;
      throw thrown;
    }
  }

  /** Writes what the provider says of somebody; what is so already is not written again. */
  async updateUser(user: User, change: UserChange): Promise<User> {
    const columns = userColumns(change, user, Date.now());
    const isSame = Object.entries(columns).every(([name, value]) =>
      isDeepStrictEqual(value, user[name as keyof User]),
    );
    return isSame ? user : this.users.update(PROVIDER, { userId: user.id }, change);
  }

  /** A role of a person, or of the operator's own, which gives no rights while there is none of that name. Others are passed by. */
  async setRole(user: User, role: string): Promise<void> {
    const isGiven = USER_ROLES.some((one) => one === role) || isRoleName(role);
    if (!isGiven || user.role === role) return;
    await this.users.update(PROVIDER, { userId: user.id }, { role });
  }

  /** Which of these names are roles that were made by API, whether or not they were deleted since. */
  async rolesMade(names: readonly string[]): Promise<ReadonlySet<string>> {
    if (names.length === 0) return new Set();
    const rows = await this.database.getRepository(StoredRole).findBy({ name: In([...names]) });
    return new Set(rows.map(({ name }) => name));
  }

  /** What the token knows and the row does not: an address where there is none, the provider's id where people were found by address. */
  async completeUser(user: User, subject: string | undefined, email: string | undefined): Promise<User> {
    const change = {
      ...(user.email === null && email !== undefined ? { email } : {}),
      ...(subject !== undefined && user.id !== subject && user.ssoUserId === null
        ? { ssoUserId: subject }
        : {}),
    };
    if (Object.keys(change).length === 0) return user;
    try {
      await this.users.update(PROVIDER, { userId: user.id }, change);
    } catch (thrown) {
      // Another row has the address or the id already: nothing that keeps this one's owner out.
      if (!isRefusal(thrown)) throw thrown;
    }
    return user;
  }

  /** The one organization of this alias; null when there is none or more than one. */
  async findOrganizationByAlias(alias: string): Promise<Organization | null> {
    const rows = await this.database.getRepository(Organization).find({ where: { alias }, take: 2 });
    return rows.length === 1 ? (rows[0] ?? null) : null;
  }
}
