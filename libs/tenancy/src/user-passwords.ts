import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { lockRow, User, writeRow } from '#libs/database';
import { Clock } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { assertGoodPassword } from './password-policy.js';
import { hashPassword, verifyPassword } from './passwords.js';
import { type Author, type Transaction, Transactions } from './transactions.js';

const SYSTEM = { system: 'passwords' };

/** The passwords of stored users: only hashes are kept, and no answer, export or audit row holds one. */
@Injectable()
export class UserPasswords {
  constructor(
    private readonly transactions: Transactions,
    private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  /** Whether it is the user's; takes as long for nobody and for somebody without one. A hash of an older kind is replaced on the way. */
  async isRight(author: Author, user: User | null, password: string): Promise<boolean> {
    const { isRight, isOutdated } = await verifyPassword(user?.passwordHash, password);
    if (isRight && isOutdated && user !== null) await this.#renew(author, user, password);
    return isRight;
  }

  /**
   * Gives somebody a password of its own choice; its sessions end with it, on every replica. Throws 400 for one the policy does
   * not allow. `also` runs in the same transaction.
   */
  async set(
    author: Author,
    userId: string,
    password: string,
    { param, also }: { param: string; also?: (transaction: Transaction) => Promise<void> },
  ): Promise<User> {
    assertGoodPassword(this.config, password, param);
    const passwordHash = await hashPassword(password);
    return this.transactions.run(
      author,
      async (transaction) => {
        const { manager } = transaction;
        await also?.(transaction);
        const before = await manager.findOneOrFail(User, {
          where: { id: userId },
          lock: { mode: 'pessimistic_write' },
        });
        const change = { passwordHash, passwordResetRequired: false, updatedAt: this.#now() };
        return this.#write(transaction, manager, before, change);
      },
      SYSTEM,
    );
  }

  /** The same password under today's kind of hash. Nothing happens when it was changed meanwhile. */
  async #renew(author: Author, user: User, password: string): Promise<void> {
    const passwordHash = await hashPassword(password);
    await this.transactions.run(
      author,
      async (transaction) => {
        const { manager } = transaction;
        const before = await lockRow(manager, User, { id: user.id });
        if (before === null || before.passwordHash !== user.passwordHash) return;
        await this.#write(transaction, manager, before, { passwordHash });
      },
      SYSTEM,
    );
  }

  async #write(
    transaction: Transaction,
    manager: EntityManager,
    before: User,
    change: Partial<User>,
  ): Promise<User> {
    const after = await writeRow(manager, User, { id: before.id }, change);
    await transaction.record('updated', 'user', before.id, { before, after });
    return after;
  }

  #now(): Date {
    return new Date(this.clock.nowMs());
  }
}
