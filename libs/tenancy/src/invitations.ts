import { Injectable } from '@nestjs/common';
import { insertRow, Invitation, readAs, User } from '#libs/database';
import { Clock, DAY_MS, GatewayError, newId, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager } from 'typeorm';
import { makerOf } from './authority.js';
import { administersUser } from './authority/people-judgement.js';
import { type Standing, standingOf } from './authority/standing.js';
import { type Author, Transactions } from './transactions.js';

/** The contract's week: long enough for a holiday's end, short enough that a forgotten mail is worth nothing. */
const LIVES_MS = 7 * DAY_MS;

/** Links with which people set their first password. Who holds the link can sign in as the user, so only who administers the account makes one. */
@Injectable()
export class Invitations {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
  ) {}

  async create(author: Author, userId: string): Promise<Invitation> {
    const nowMs = this.clock.nowMs();
    const by = makerOf(author.principal);
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      await this.#assertAdministers(manager, await standingOf(manager, author.principal), userId);
      const at = new Date(nowMs);
      const id = newId('invitation', nowMs);
      const invitation = await insertRow(manager, Invitation, {
        id,
        userId,
        expiresAt: new Date(nowMs + LIVES_MS),
        createdBy: by,
        updatedBy: by,
        createdAt: at,
        updatedAt: at,
      });
      // The link's secret stays out of the audit trail.
      await transaction.note('created', 'invitation', userId, {
        before: null,
        after: { ...invitation, id: undefined },
      });
      return invitation;
    });
  }

  get(caller: Principal, id: string): Promise<Invitation> {
    return readAs(this.database, caller, async (manager) =>
      this.#found(manager, await standingOf(manager, caller), id),
    );
  }

  /** Marks it as used, or as open again for what is left of its time. */
  async setAccepted(author: Author, id: string, isAccepted: boolean): Promise<Invitation> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const before = await this.#found(manager, await standingOf(manager, author.principal), id);
      const now = new Date(this.clock.nowMs());
      const change = {
        acceptedAt: isAccepted ? (before.acceptedAt ?? now) : null,
        updatedBy: makerOf(author.principal),
        updatedAt: now,
      };
      await manager.update(Invitation, { id }, change);
      await transaction.note('updated', 'invitation', before.userId, {
        before: { isAccepted: before.acceptedAt !== null },
        after: { isAccepted },
      });
      return manager.findOneByOrFail(Invitation, { id });
    });
  }

  async delete(author: Author, id: string): Promise<Invitation> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const invitation = await this.#found(manager, await standingOf(manager, author.principal), id);
      await manager.delete(Invitation, { id });
      await transaction.note('deleted', 'invitation', invitation.userId, {
        before: { ...invitation, id: undefined },
        after: null,
      });
      return invitation;
    });
  }

  async #found(manager: EntityManager, standing: Standing, id: string): Promise<Invitation> {
    const invitation = await manager.findOneBy(Invitation, { id });
    if (invitation === null) throw missing(standing, 'Invitation id does not exist in the database.');
    await this.#assertAdministers(manager, standing, invitation.userId);
    return invitation;
  }

  async #assertAdministers(manager: EntityManager, standing: Standing, userId: string): Promise<void> {
    const user = await manager.findOneBy(User, { id: userId });
    if (user === null || !administersUser(standing, user))
      throw missing(standing, `User ${userId} does not exist.`);
  }
}

/** 400 for everything, as the contract says; who administers nobody learns nothing. */
function missing({ role }: Standing, reason: string): GatewayError {
  const message =
    role === 'proxy_admin'
      ? reason
      : 'Only an administrator of the user can do this, and the user has to exist.';
  return new GatewayError('request.bad_field', message, { param: 'None', detail: { error: message } });
}
