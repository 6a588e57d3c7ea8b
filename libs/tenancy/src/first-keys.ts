import { Injectable } from '@nestjs/common';
import { type User, VirtualKey } from '#libs/database';
import { Clock } from '#libs/kernel';
import { judgeNewKey } from './authority/key-judgement.js';
import { loadKeyJudgement } from './authority/load-judgement.js';
import { type Standing, standingOf } from './authority/standing.js';
import { assignGroups } from './group-assignments.js';
import { writeKey } from './key-rows.js';
import { columnsOf, type KeyChange } from './key-settings.js';
import { type IssuedKey, Keys, type KeySecret } from './keys.js';
import type { Author, Transaction } from './transactions.js';

/** The key that is made together with its user. */
export interface FirstKey {
  readonly settings: KeyChange;
  readonly secret: KeySecret;
}

/** Makes the first keys of new users, inside the transactions that make the users. */
@Injectable()
export class FirstKeys {
  constructor(
    private readonly keys: Keys,
    private readonly clock: Clock,
  ) {}

  /** Throws the refusal when the author may not give the key what it asks for, in rights or in access groups. */
  async issue(
    transaction: Transaction,
    author: Author,
    standing: Standing,
    user: User,
    { settings, secret }: FirstKey,
  ): Promise<IssuedKey> {
    const wanted = { ...settings, userId: user.id, organizationId: user.organizationId };
    const issued =
      standing.role === 'proxy_admin'
        ? await this.keys.issue(transaction, author, wanted, secret)
        : await this.#delegated(transaction, author, user, { settings: wanted, secret });
    const holder = { type: 'key', id: issued.key.id, teamId: issued.key.teamId } as const;
    await assignGroups(transaction, author, holder, settings.accessGroupIds);
    return issued;
  }

  /** Judged as if the new user made it with its maker's key: whoever makes an account may not give it more than either has. */
  async #delegated(
    transaction: Transaction,
    author: Author,
    user: User,
    { settings, secret }: FirstKey,
  ): Promise<IssuedKey> {
    const { manager } = transaction;
    const nowMs = this.clock.nowMs();
    const own = await standingOf(manager, {
      ...author.principal,
      role: 'internal_user',
      user: { id: user.id },
    });
    const columns: Partial<VirtualKey> = columnsOf(settings, undefined, nowMs);
    const judgement = await loadKeyJudgement(manager, author.principal, columns, {
      grants: { editableFields: [] },
      nowMs,
      standing: own,
    });
    const inherited = judgeNewKey(columns, judgement);
    const issued = await this.keys.issue(transaction, author, settings, secret);
    if (Object.keys(inherited).length === 0) return issued;
    return { ...issued, key: await writeKey(manager, issued.key.id, inherited) };
  }
}
