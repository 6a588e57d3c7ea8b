import { Injectable } from '@nestjs/common';
import { Config, type CustomRole, isRoleName, type RoleBase } from '#libs/config';
import { insertUnlessTaken, lockRow, readAs, StoredRole, User, writeRow } from '#libs/database';
import { Clock, GatewayError, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager, IsNull } from 'typeorm';
import { assertAdministers, assertReads, makerOf } from './authority.js';
import { type Author, type Transaction, Transactions } from './transactions.js';

/** What an administrator decides about a role. In a change, an absent member is left as it is. */
export interface RoleSettings {
  readonly base?: RoleBase | undefined;
  /** Paths and groups, as in `allowed_routes`. Empty: none. */
  readonly routes?: readonly string[] | undefined;
  /** Empty: none. */
  readonly models?: readonly string[] | undefined;
  readonly description?: string | null | undefined;
}

/** A role of the operator's own; one of the file has no row. */
export type RoleView =
  | { readonly source: 'config'; readonly role: CustomRole }
  | { readonly source: 'db'; readonly role: StoredRole };

/**
 * Roles of the operator's own: those of the file, which wins, and those made here. A role only narrows a built-in one that is no
 * proxy administrator's, so none of them can give more than that. Proxy administrators change them, those who see everything read them.
 */
@Injectable()
export class CustomRoles {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** Throws 409 when there is one of that name, 400 for a name that roles cannot have. A name that was deleted begins anew. */
  async create(
    author: Author,
    name: string,
    { base = 'internal_user', routes = [], models = [], description = null }: RoleSettings,
  ): Promise<StoredRole> {
    assertAdministers(author.principal);
    this.#assertName(name);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const now = new Date(this.clock.nowMs());
      const maker = makerOf(author.principal);
      const made = {
        ...{ name, base, routes: [...routes], models: [...models], description, deletedAt: null },
        ...{ createdBy: maker, updatedBy: maker, createdAt: now, updatedAt: now },
      };
      if (!(await insertUnlessTaken(manager, StoredRole, made))) {
        const before = await lock(manager, name);
        if (before?.deletedAt === null) throw taken(name);
        await manager.update(StoredRole, { name }, made);
      }
      const after = await manager.findOneByOrFail(StoredRole, { name });
      await transaction.record('created', 'role', name, { before: null, after });
      return after;
    });
  }

  /** Throws 404 when there is none, 409 for one of the file. */
  async update(author: Author, name: string, change: RoleSettings): Promise<StoredRole> {
    assertAdministers(author.principal);
    this.#assertNotOfFile(name);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await lockLive(manager, name);
      const said = Object.entries(change).filter(([, value]) => value !== undefined);
      const after = await writeRow(
        manager,
        StoredRole,
        { name },
        {
          ...Object.fromEntries(said),
          updatedBy: makerOf(author.principal),
          updatedAt: new Date(this.clock.nowMs()),
        },
      );
      await transaction.record('updated', 'role', name, { before, after });
      return after;
    });
  }

  /**
   * Whoever has the role has no rights from then on; answers how many users that are. The name is remembered, so that tokens that carry it
   * as a scope do not fall back to what their user may; `forget` ends that, also for a role that was deleted before. Throws 404
   * when there is none, 409 for one of the file.
   */
  async delete(author: Author, name: string, forget: boolean): Promise<number> {
    assertAdministers(author.principal);
    this.#assertNotOfFile(name);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = forget ? await lock(manager, name) : await lockLive(manager, name);
      if (before === null) throw notFound();
      if (forget) await manager.delete(StoredRole, { name });
      else await this.#markDeleted(transaction, author, name);
      await transaction.record('deleted', 'role', name, { before, after: null });
      return manager.countBy(User, { role: name });
    });
  }

  /** Throws 404 when there is none. `holders`: users that have it. */
  async find(
    caller: Principal,
    name: string,
  ): Promise<{ readonly view: RoleView; readonly holders: number }> {
    assertReads(caller);
    return readAs(this.database, caller, async (manager) => {
      const ofFile = this.#ofFile(name);
      const stored = ofFile ? null : await manager.findOneBy(StoredRole, { name, deletedAt: IsNull() });
      if (ofFile === undefined && stored === null) throw notFound();
      const view = ofFile ?? { source: 'db' as const, role: stored as StoredRole };
      return { view, holders: await manager.countBy(User, { role: name }) };
    });
  }

  /** The file's first, then the others by name. */
  async list(caller: Principal): Promise<readonly RoleView[]> {
    assertReads(caller);
    const rows = await readAs(this.database, caller, (manager) =>
      manager.find(StoredRole, { where: { deletedAt: IsNull() }, order: { name: 'ASC' } }),
    );
    return [
      ...Object.keys(this.config.roles.custom).flatMap((name) => this.#ofFile(name) ?? []),
      ...rows
        .filter(({ name }) => this.#ofFile(name) === undefined)
        .map((role) => ({ source: 'db' as const, role })),
    ];
  }

  #ofFile(name: string): Extract<RoleView, { source: 'config' }> | undefined {
    const role = this.config.roles.custom[name];
    return role && { source: 'config', role };
  }

  async #markDeleted({ manager }: Transaction, author: Author, name: string): Promise<void> {
    const now = new Date(this.clock.nowMs());
    const updatedBy = makerOf(author.principal);
    await manager.update(StoredRole, { name }, { deletedAt: now, updatedAt: now, updatedBy });
  }

  #assertName(name: string): void {
    this.#assertNotOfFile(name);
    if (isRoleName(name)) return;
    const message =
      "A role's name is letters, digits, - and _, begins with a letter, and is no built-in role's, nothing that begins like an administrator's, and no scope that every token may carry.";
    throw new GatewayError('request.bad_field', message, { param: 'role', detail: message });
  }

  #assertNotOfFile(name: string): void {
    if (this.#ofFile(name) === undefined) return;
    const message = 'This role is of the configuration file; change it there.';
    throw new GatewayError('request.conflict', message, { param: 'role', detail: message });
  }
}

/** Whether a user can be given the role: built-in ones of persons are asked about elsewhere. */
export async function isRoleOfOurs(
  manager: EntityManager,
  { custom }: Config['roles'],
  name: string,
): Promise<boolean> {
  if (Object.hasOwn(custom, name)) return true;
  return manager.existsBy(StoredRole, { name, deletedAt: IsNull() });
}

async function lock(manager: EntityManager, name: string): Promise<StoredRole | null> {
  return lockRow(manager, StoredRole, { name });
}

async function lockLive(manager: EntityManager, name: string): Promise<StoredRole> {
  const found = await lock(manager, name);
  if (found === null || found.deletedAt !== null) throw notFound();
  return found;
}

function taken(name: string): GatewayError {
  const message = `A role named ${name} already exists.`;
  return new GatewayError('request.conflict', message, { param: 'role', detail: message });
}

function notFound(): GatewayError {
  const message = 'There is no such role.';
  return new GatewayError('request.not_found', message, { param: 'role', detail: message });
}
