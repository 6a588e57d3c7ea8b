import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import { Counters, LocalCounters } from '#libs/counters';
import { type Change, Changes } from '#libs/database';
import type { NanoUsd, Scope, ScopeType } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { DataSource } from 'typeorm';
import { counterKey } from '../counter-key.js';
import type { EntryFacts } from '../spool/codec.js';
import { boundedId } from '../spool/storable.js';
import { SpendLedger } from './spend-ledger.js';

interface StoredBalance {
  readonly budget: string;
  readonly period_id: string;
  readonly settled_nano: string;
}

/** One adjustment this process made, until it is known whether it was committed. */
interface Pending {
  readonly id: string;
  readonly key: string;
  readonly deltaNanoUsd: NanoUsd;
}

/** Changes that nobody told of are looked for this far back; a longer silence ends with counters being loaded anew. */
const MISSED = '1 hour';

/**
 * Makes open counters follow when somebody sets what a scope has spent. Counters of one process are brought to what the
 * ledger says, each process its own. Shared counters are adjusted once, by the process that made the change: nobody else
 * knows what the others have not stored yet.
 */
@Injectable()
export class SpendFollower {
  readonly #pending = new Map<string, Pending[]>();
  /** A change is heard inside the transaction of whoever made it; reading must not be part of that. */
  readonly #outside = AsyncLocalStorage.snapshot();

  constructor(
    private readonly dataSource: DataSource,
    private readonly counters: Counters,
    private readonly ledger: SpendLedger,
    private readonly logger: Logger,
    changes: Changes,
  ) {
    changes.subscribe({ onChange: (change) => this.#onChange(change), onGap: () => this.#onGap() });
  }

  /** This process is about to commit an adjustment. */
  expect(scope: Scope, pending: Pending): void {
    const name = `${scope.type}:${scope.id}`;
    this.#pending.set(name, [...(this.#pending.get(name) ?? []), pending]);
  }

  /** Resolves when the open counters of this process have followed what is committed. */
  async follow(scope: Scope): Promise<void> {
    if (this.counters instanceof LocalCounters) await this.#reconcile(scope);
    else await this.#adjustShared(scope);
  }

  #onChange({ noun, id }: Change): void {
    if (noun !== 'spend') return;
    const colon = id.indexOf(':');
    this.#start({ type: id.slice(0, colon) as ScopeType, id: id.slice(colon + 1) });
  }

  #onGap(): void {
    this.#outside(() => {
      this.dataSource
        .query(
          `SELECT DISTINCT scope_type, scope_id FROM spend_adjustments WHERE at > now() - interval '${MISSED}'`,
        )
        .then(
          (rows: { scope_type: ScopeType; scope_id: string }[]) => {
            for (const row of rows) this.#start({ type: row.scope_type, id: row.scope_id });
          },
          (error: unknown) => this.#missed(error),
        );
    });
  }

  #start(scope: Scope): void {
    this.#outside(() => this.follow(scope).catch((error: unknown) => this.#missed(error)));
  }

  async #reconcile(scope: Scope): Promise<void> {
    const scopeId = boundedId(scope.id);
    this.#pending.delete(`${scope.type}:${scope.id}`);
    const adjustments: (void | Promise<void>)[] = [];
    await this.#outside(() =>
      this.ledger.readSettled<StoredBalance[]>(
        () =>
          this.dataSource.query(
            `SELECT budget, period_id, settled_nano FROM balances
             WHERE scope_type = $1 AND scope_id = $2 AND updated_at > now() - interval '${MISSED}'`,
            [scope.type, scopeId],
          ),
        (stored, undrained) => {
          const late = unstoredOf(scope, undrained);
          for (const { budget, period_id, settled_nano } of stored) {
            const key = counterKey(scope, budget, period_id);
            const open = this.counters.balance(key);
            if (open === undefined) continue;
            const delta = BigInt(settled_nano) + (late.get(key) ?? 0n) - open.settledNanoUsd;
            if (delta !== 0n) adjustments.push(this.counters.adjust(key, delta));
          }
        },
      ),
    );
    await Promise.all(adjustments);
  }

  async #adjustShared(scope: Scope): Promise<void> {
    const name = `${scope.type}:${scope.id}`;
    const pending = this.#pending.get(name);
    if (pending === undefined) return;
    this.#pending.delete(name);
    const committed: { id: string }[] = await this.#outside(() =>
      this.dataSource.query('SELECT id FROM spend_adjustments WHERE id = ANY($1)', [
        pending.map(({ id }) => id),
      ]),
    );
    const ids = new Set(committed.map(({ id }) => id));
    await Promise.all(
      pending
        .filter(({ id, deltaNanoUsd }) => ids.has(id) && deltaNanoUsd !== 0n)
        .map(({ key, deltaNanoUsd }) => this.counters.adjust(key, deltaNanoUsd)),
    );
  }

  #missed(error: unknown): void {
    this.logger.error(
      { error },
      'A money counter could not follow what was set; it is right again when it is next loaded.',
    );
  }
}

/** What entries that are not in PostgreSQL yet add to the scope's balances, by counter key. */
function unstoredOf(scope: Scope, undrained: Iterable<EntryFacts>): ReadonlyMap<string, NanoUsd> {
  const sums = new Map<string, NanoUsd>();
  for (const { charges, costNanoUsd } of undrained) {
    for (const charge of charges) {
      if (charge.scope.type !== scope.type || charge.scope.id !== scope.id) continue;
      const key = counterKey(scope, charge.budget, charge.periodId);
      sums.set(key, (sums.get(key) ?? 0n) + costNanoUsd);
    }
  }
  return sums;
}
