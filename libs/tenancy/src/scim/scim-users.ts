import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { lockName, lockRow, readAs, ScimUser, User, writeRow } from '#libs/database';
import { Clock, type Principal } from '#libs/kernel';
import type { Filter } from 'scim2-parse-filter';
import { DataSource, type EntityManager, In } from 'typeorm';
import { RESERVED_IDS } from '../reserved-ids.js';
import { Conditions } from '../rows.js';
import { type Author, type Transaction, Transactions } from '../transactions.js';
import { violatedIndex } from '../unique.js';
import { Users } from '../users.js';
import { asProvisioner, provisioner } from './scim-author.js';
import { narrowBy, USER_ATTRIBUTES, type Slice } from './scim-filter.js';
import { administratorsAddress, lastAdministrator, notProvisioned, notUnique } from './scim-refusals.js';
import {
  type ScimPerson,
  type ScimUserView,
  columnsFor,
  isActive,
  isSameText,
  personOf,
  userViewsOf,
} from './scim-person.js';

/**
 * Users as an identity provider provisions them (SCIM). It decides who is let in (`User.scimActive`) apart from what
 * administrators block, so that neither lifts the other; it gives no roles; and what it deletes is kept, letting nobody in.
 * Who may call is decided by the routes.
 */
@Injectable()
export class ScimUsers {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly users: Users,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** Throws 404 when there is none, or when it was deleted. */
  find(caller: Principal, id: string): Promise<ScimUserView> {
    return readAs(this.database, provisioner(caller), async (manager) => {
      const user = await manager.findOneBy(User, { id });
      const [view] = user === null ? [] : await userViewsOf(manager, [user]);
      if (view === undefined) throw notProvisioned('User', id);
      return view;
    });
  }

  /** In the order of ids. */
  list(
    caller: Principal,
    filter: Filter | undefined,
    { startIndex, count }: Slice,
  ): Promise<{ total: number; items: readonly ScimUserView[] }> {
    return readAs(this.database, provisioner(caller), async (manager) => {
      const conditions = new Conditions().add('s.deleted_at IS NULL');
      if (filter !== undefined) narrowBy(conditions, filter, USER_ATTRIBUTES);
      const from = `FROM users u LEFT JOIN scim_users s ON s.user_id = u.id WHERE ${conditions.toString()}`;
      const [counted]: { total: string }[] = await manager.query(
        `SELECT count(*) AS total ${from}`,
        conditions.values,
      );
      const rows: { id: string }[] = await manager.query(
        `SELECT u.id ${from} ORDER BY u.id LIMIT ${count} OFFSET ${startIndex - 1}`,
        conditions.values,
      );
      const users = await manager.find(User, {
        where: { id: In(rows.map(({ id }) => id)) },
        order: { id: 'ASC' },
      });
      return { total: Number(counted?.total ?? 0), items: await userViewsOf(manager, users) };
    });
  }

  /**
   * Makes a user with the operator's defaults. Somebody it deleted before comes back with everything that was let in then, if
   * its own id for the person (`externalId`) is the same; somebody else under a former name is a new account. Throws 409 for
   * who is there.
   */
  async create(author: Author, person: ScimPerson): Promise<ScimUserView> {
    const by = asProvisioner(author);
    try {
      const returned = await this.#takeBack(by, person);
      const id = returned ?? (await this.#make(by, person));
      return await this.find(author.principal, id);
    } catch (thrown) {
      throw refusalOf(thrown, person) ?? thrown;
    }
  }

  /** Changes what `change` makes of the person, on a locked row. Nothing changed writes nothing. Throws 404, 403, 409. */
  async change(
    author: Author,
    id: string,
    change: (current: ScimPerson) => ScimPerson,
  ): Promise<ScimUserView> {
    const by = asProvisioner(author);
    let wanted: ScimPerson | undefined;
    try {
      await this.transactions.run(by, async (transaction) => {
        const { user, scim } = await locked(transaction.manager, id);
        wanted = change(personOf(user, scim));
        await this.#write(transaction, user, scim, wanted);
      });
    } catch (thrown) {
      throw (wanted && refusalOf(thrown, wanted)) ?? thrown;
    }
    return this.find(author.principal, id);
  }

  /** Lets nothing of the person's in any more, and forgets the person towards the identity provider. The account stays. */
  async remove(author: Author, id: string): Promise<void> {
    await this.transactions.run(asProvisioner(author), async (transaction) => {
      const { user, scim } = await locked(transaction.manager, id);
      const deletedAt = new Date(this.clock.nowMs());
      await this.#write(transaction, user, scim, { ...personOf(user, scim), active: false }, deletedAt);
    });
  }

  async #make(author: Author, person: ScimPerson): Promise<string> {
    const taken = await readAs(this.database, author.principal, (manager) =>
      manager.findOneBy(ScimUser, { userId: person.userName }),
    );
    // A name may come to somebody else, an id never does.
    const isTaken =
      taken !== null || RESERVED_IDS.has(person.userName) || this.#isNamedAdmin(person.userName);
    const id = isTaken ? undefined : person.userName;
    const { user } = await this.users.create(
      author,
      {
        ...(id === undefined ? {} : { id }),
        settings: {
          ...(person.email === null ? {} : { email: person.email }),
          ...(person.displayName === null ? {} : { alias: person.displayName }),
        },
        organizationIds: [],
      },
      (transaction, made) => this.#write(transaction, made, null, person),
    );
    return user.id;
  }

  async #takeBack(author: Author, person: ScimPerson): Promise<string | undefined> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const former = await manager
        .createQueryBuilder(ScimUser, 's')
        .where('s.deletedAt IS NOT NULL AND lower(s.userName) = lower(:name)', { name: person.userName })
        .orderBy('s.deletedAt', 'DESC')
        .setLock('pessimistic_write')
        .getMany();
      const same = former.find(({ externalId }) => externalId !== null && externalId === person.externalId);
      for (const scim of former) {
        const user = await manager.findOneOrFail(User, {
          where: { id: scim.userId },
          lock: { mode: 'pessimistic_write' },
        });
        if (scim === same) await this.#write(transaction, user, scim, person);
        else if (same === undefined && user.email !== null && isSameText(user.email, person.email))
          await this.#update(transaction, user, { email: null }, 'updated');
      }
      return same?.userId;
    });
  }

  async #write(
    transaction: Transaction,
    user: User,
    scim: ScimUser | null,
    person: ScimPerson,
    deletedAt: Date | null = null,
  ): Promise<void> {
    const { manager } = transaction;
    const wasActive = isActive(user);
    const columns = columnsFor(user, person);
    const isAdmin = user.role.startsWith('proxy_admin') || this.#isNamedAdmin(user.id);
    if (columns.email !== undefined && isAdmin) throw administratorsAddress();
    if (wasActive && !person.active) await this.#assertNotLast(manager, user);
    const isChanged = Object.keys(columns).length > 0;
    const { userName, externalId, attributes } = person;
    const row = { userName, externalId, attributes, deletedAt };
    const isSaid =
      scim !== null &&
      Object.entries(row).every(([name, value]) => isDeepStrictEqual(scim[name as keyof ScimUser], value));
    if (!isSaid) {
      const updatedAt = new Date(this.clock.nowMs());
      await manager.upsert(
        ScimUser,
        { userId: user.id, createdAt: scim?.createdAt ?? updatedAt, ...row, updatedAt } as never,
        ['userId'],
      );
    }
    if (!isChanged && isSaid) return;
    const action = wasActive === person.active ? 'updated' : person.active ? 'unblocked' : 'blocked';
    await this.#update(transaction, user, columns, action, { before: scim, after: row });
  }

  async #update(
    transaction: Transaction,
    before: User,
    columns: Partial<User>,
    action: 'updated' | 'blocked' | 'unblocked',
    said?: { readonly before: object | null; readonly after: object },
  ): Promise<void> {
    const { manager } = transaction;
    const updatedAt = new Date(this.clock.nowMs());
    const after = await writeRow(manager, User, { id: before.id }, { ...columns, updatedAt });
    await transaction.record(action, 'user', before.id, {
      before: { ...before, scim: said?.before ?? null },
      after: { ...after, scim: said?.after ?? null },
    });
  }

  /** `PROXY_ADMIN_ID`: whoever signs in to that account is an administrator from then on. */
  #isNamedAdmin(id: string): boolean {
    return this.config.signIn.browser.adminUserId === id;
  }

  /** Of two that would both go, one stays: they are judged one after the other. */
  async #assertNotLast(manager: EntityManager, user: User): Promise<void> {
    if (user.role !== 'proxy_admin' || this.config.auth.masterKey !== undefined) return;
    await lockName(manager, 'tollgate.administrators');
    const others: unknown[] = await manager.query(
      `SELECT 1 FROM users WHERE role = 'proxy_admin' AND NOT blocked AND scim_active AND id <> $1 LIMIT 1`,
      [user.id],
    );
    if (others.length === 0) throw lastAdministrator();
  }
}

async function locked(manager: EntityManager, id: string): Promise<{ user: User; scim: ScimUser | null }> {
  const user = await lockRow(manager, User, { id });
  const scim = await manager.findOneBy(ScimUser, { userId: id });
  if (user === null || (scim?.deletedAt ?? null) !== null) throw notProvisioned('User', id);
  return { user, scim };
}

function refusalOf(thrown: unknown, { userName, email }: ScimPerson): Error | undefined {
  const index = violatedIndex(thrown);
  if (index === 'scim_users_user_name_key') return notUnique(`userName '${userName}'`);
  if (index === 'users_email_key') return notUnique(`The e-mail address '${email ?? ''}'`);
  return undefined;
}
