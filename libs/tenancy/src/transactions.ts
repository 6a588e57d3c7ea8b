import { Injectable } from '@nestjs/common';
import { type Actor, type AuditAction, AuditTrail } from '#libs/audit';
import {
  type ChangeMark,
  type ChangeNoun,
  Changes,
  driverErrorOf,
  type RevocationReceipt,
  type SystemActor,
  withTransaction,
} from '#libs/database';
import type { Principal } from '#libs/kernel';
import { DataSource, type EntityManager } from 'typeorm';
import { makerOf } from './authority.js';

/** Who asks for a change, and from where. */
export interface Author {
  readonly principal: Principal;
  readonly ip: string | null;
  readonly requestId: string | null;
  /** Told, before the change returns, that every replica knows of it: when rights may have been taken away. */
  readonly onRevoked?: (receipt: RevocationReceipt) => void;
}

/** The author as the audit trail keeps it. */
export function actorOf({ principal, ip, requestId }: Author): Actor {
  return { userId: makerOf(principal), keyId: principal.key?.id ?? null, ip, requestId };
}

/** What can be changed: whatever a change can be published of. */
export type Noun = Exclude<ChangeNoun, 'key_hash'>;

/** These give, or take nothing away: nobody has to wait until the last replica knows. */
const HARMLESS: ReadonlySet<AuditAction> = new Set(['created', 'unblocked', 'read', 'used', 'exported']);

export interface RowChange {
  readonly before: object | null;
  readonly after: object | null;
  /** A key's old and new hashes: what caches know it by. */
  readonly hashes?: readonly string[];
}

/** A change under way: its rows, its audit records and its notifications are one transaction. */
export class Transaction {
  readonly #actor: Actor;
  #revokes = false;
  readonly #published: {
    readonly noun: Noun | 'key_hash';
    readonly id: string;
    readonly mark: ChangeMark;
  }[] = [];

  constructor(
    readonly manager: EntityManager,
    author: Author,
    private readonly changes: Changes,
    private readonly audit: AuditTrail,
  ) {
    this.#actor = actorOf(author);
  }

  /** Records one row's change; at commit every process is told to forget what it knows of it. */
  async record(action: AuditAction, noun: Noun, id: string, change: RowChange): Promise<void> {
    await this.note(action, noun, id, change);
    await this.#publish(noun, id);
    for (const hash of change.hashes ?? []) await this.#publish('key_hash', hash);
    if (!HARMLESS.has(action)) this.#revokes = true;
  }

  /** Only the audit record: of what concerns no cache, such as a secret that was read. */
  async note(action: AuditAction, noun: string, id: string, change: RowChange): Promise<void> {
    const { before, after } = change;
    await this.audit.record(this.manager, { actor: this.#actor, action, noun, nounId: id, before, after });
  }

  /** Tells every process that something other than the row's settings changed; no audit record. */
  async announce(noun: Noun, id: string): Promise<void> {
    await this.#publish(noun, id);
  }

  /** Whether somebody may be able to do less than before. */
  get revokes(): boolean {
    return this.#revokes;
  }

  /** After the commit: this process forgets at once, also while it hears of no changes. Returns the last one's mark. */
  applyHere(): ChangeMark | undefined {
    for (const { noun, id, mark } of this.#published) this.changes.applyOwn(noun, id, mark);
    return this.#published.at(-1)?.mark;
  }

  async #publish(noun: Noun | 'key_hash', id: string): Promise<void> {
    this.#published.push({ noun, id, mark: await this.changes.publish(this.manager, noun, id) });
  }
}

/** PostgreSQL's class 40P01: two transactions waited for each other, and this one was undone. */
const DEADLOCK = '40P01';
/** Who loses again and again is in something else than bad luck. */
const MOST_ATTEMPTS = 4;

/** Runs changes. */
@Injectable()
export class Transactions {
  constructor(
    private readonly database: DataSource,
    private readonly changes: Changes,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Runs `work` in one transaction and, once committed, waits until this process has dropped what it had cached of the
   * rows; when access may have been taken away, until every replica has, or serves nobody: whoever blocks a key and is
   * answered will not see it accepted again. Throws what `work` throws, with nothing changed. `onBehalfOf`: whose rows
   * the work may touch; our own work, for the few changes that reach what their author cannot see, is judged by code alone.
   * What is undone because two changes waited for each other is done again: `work` may run more than once, and leaves nothing
   * behind but what it returns.
   */
  async run<T>(
    author: Author,
    work: (transaction: Transaction) => Promise<T>,
    onBehalfOf: Principal | SystemActor = author.principal,
  ): Promise<T> {
    const { result, transaction } = await this.#attempt(onBehalfOf, async (manager) => {
      const begun = new Transaction(manager, author, this.changes, this.audit);
      return { result: await work(begun), transaction: begun };
    });
    const mark = transaction.applyHere();
    // While notifications are down nobody would ever be told; the write is committed all the same.
    if (mark === undefined) return result;
    const here = this.changes.state() === 'down' ? undefined : this.changes.waitUntilApplied(mark);
    if (transaction.revokes) author.onRevoked?.(await this.changes.waitForReplicas(this.database, mark));
    await here;
    return result;
  }

  async #attempt<T>(
    onBehalfOf: Principal | SystemActor,
    work: (manager: EntityManager) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await withTransaction(this.database, onBehalfOf, work);
      } catch (thrown) {
        if (attempt === MOST_ATTEMPTS || driverErrorOf(thrown)?.code !== DEADLOCK) throw thrown;
      }
    }
  }
}
