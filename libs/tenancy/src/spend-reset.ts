import { Injectable } from '@nestjs/common';
import { Team, VirtualKey } from '#libs/database';
import type { Scope } from '#libs/kernel';
import { type EntityManager, In } from 'typeorm';
import { makerOf } from './authority.js';
import { adminOnly } from './authority/refusals.js';
import { SpendSetter } from './spend-setter.js';
import { type Author, Transactions } from './transactions.js';

/** Rows of one transaction: what it locks is let go before anybody notices. */
const AT_ONCE = 100;
const OWNERS = [
  { noun: 'key', entity: VirtualKey, table: 'virtual_keys' },
  { noun: 'team', entity: Team, table: 'teams' },
] as const;

/** Sets back what all keys and all teams have spent. With the master key alone: it is everybody's budget at once. */
@Injectable()
export class SpendReset {
  constructor(
    private readonly transactions: Transactions,
    private readonly setter: SpendSetter,
  ) {}

  /**
   * Every key and team that has spent anything stands at zero in the period of its budget when this resolves; calls that end meanwhile
   * count again. In pieces: an interruption leaves some set back and some not, and asking again finishes it. Returns how many.
   */
  async all(author: Author): Promise<number> {
    if (author.principal.credential !== 'master_key')
      throw adminOnly('the spend of everybody', author.principal.role);
    await this.setter.prepare();
    let total = 0;
    for (const owner of OWNERS) {
      for (let after = ''; ;) {
        const done = await this.#some(author, owner, after);
        for (const scope of done) await this.setter.followed(scope);
        total += done.length;
        const last = done.at(-1);
        if (last === undefined) break;
        after = last.id;
      }
    }
    return total;
  }

  #some(author: Author, { noun, entity, table }: (typeof OWNERS)[number], after: string): Promise<Scope[]> {
    return this.transactions.run(author, async (transaction) => {
      const { manager } = transaction;
      const rows = await manager.findBy<VirtualKey | Team>(
        entity,
        await spendersAfter(manager, noun, table, after),
      );
      const scopes: Scope[] = [];
      for (const row of rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
        const scope = { type: noun, id: row.id } as const;
        const before = await this.setter.set(manager, { scope, budget: row }, 0n, makerOf(author.principal));
        await transaction.note('updated', noun, row.id, {
          before: { spentNanoUsd: before.toString() },
          after: { spentNanoUsd: '0' },
        });
        await transaction.announce('spend', `${noun}:${row.id}`);
        scopes.push(scope);
      }
      return scopes;
    });
  }
}

/** The next rows whose balances hold anything, by id. */
async function spendersAfter(
  manager: EntityManager,
  noun: string,
  table: string,
  after: string,
): Promise<{ id: ReturnType<typeof In> }> {
  const ids: { id: string }[] = await manager.query(
    `SELECT id FROM ${table} t WHERE id COLLATE "C" > $1 AND EXISTS (
       SELECT FROM balances b WHERE b.scope_type = $2 AND b.scope_id = t.id AND b.settled_nano > 0)
     ORDER BY id COLLATE "C" LIMIT ${AT_ONCE}`,
    [after, noun],
  );
  return { id: In(ids.map(({ id }) => id)) };
}
