import { Injectable } from '@nestjs/common';
import { Budget, readAs, VirtualKey } from '#libs/database';
import { Clock, type NanoUsd, type Principal } from '#libs/kernel';
import { DataSource, In } from 'typeorm';
import { SpendReader } from './spend-reader.js';

/** `revoked`: blocked, or suspended with its owner. `deleted`: only the archive has it. */
export type KeyStatus = 'active' | 'expired' | 'revoked' | 'deleted';

/** The row of a key, from the table or from the archive. */
export interface FoundKey {
  readonly key: VirtualKey;
  /** The shared budget it points to. */
  readonly budget: Budget | null;
  readonly deletedAt: Date | null;
  readonly deletedBy: string | null;
  /** Provisioning has deactivated its user or its team: it opens nothing until they return, whatever the key itself says. Absent: not asked yet. */
  readonly isSuspended?: boolean;
}

/** A key as people look at it. */
export interface KeyView extends FoundKey {
  readonly status: KeyStatus;
  readonly isSuspended: boolean;
  readonly spentNanoUsd: NanoUsd;
}

/** A row of `virtual_keys` that a query may have joined its shared budget to, and asked whether it is suspended. */
export type ListedKey = VirtualKey & { budget?: Budget | null; isSuspended?: boolean };

/** A row of the table, which is of a key that lives. */
export function livingKey({ budget = null, isSuspended, ...key }: ListedKey): FoundKey {
  const found = { key: Object.assign(new VirtualKey(), key), budget, deletedAt: null, deletedBy: null };
  return isSuspended === undefined ? found : { ...found, isSuspended };
}

/** What keeps the key from working, the most final reason first. */
export function statusOf(
  { key, deletedAt }: Pick<FoundKey, 'key' | 'deletedAt'>,
  nowMs: number,
  isSuspended = false,
): KeyStatus {
  if (deletedAt !== null) return 'deleted';
  if (key.blocked || isSuspended) return 'revoked';
  return key.expiresAt !== null && key.expiresAt.getTime() <= nowMs ? 'expired' : 'active';
}

/** Adds to keys that somebody may see what is not in their rows: what they spent, and whether they work. Keeps the order. */
@Injectable()
export class KeyViews {
  constructor(
    private readonly database: DataSource,
    private readonly clock: Clock,
    private readonly spend: SpendReader,
  ) {}

  async of(found: readonly FoundKey[]): Promise<readonly KeyView[]> {
    if (found.length === 0) return [];
    const spent = await this.spend.spendIn(
      found.map(({ key, budget }) => ({ scope: { type: 'key', id: key.id }, budget: key, linked: budget })),
    );
    const nowMs = this.clock.nowMs();
    const suspended = await this.#suspended(found.filter(({ isSuspended }) => isSuspended === undefined));
    return found.map((each) => {
      const isSuspended = each.isSuspended ?? suspended.has(each.key.id);
      return {
        ...each,
        isSuspended,
        status: statusOf(each, nowMs, isSuspended),
        spentNanoUsd: spent.get(`key:${each.key.id}`) ?? 0n,
      };
    });
  }

  /** For rows that were read without their shared budgets: those that the caller may see are read first. */
  async withBudgets(caller: Principal, found: readonly FoundKey[]): Promise<readonly KeyView[]> {
    const ids = found.flatMap(({ key }) => key.budgetId ?? []);
    if (ids.length === 0) return this.of(found);
    const budgets = await readAs(this.database, caller, (manager) => manager.findBy(Budget, { id: In(ids) }));
    const byId = new Map(budgets.map((budget) => [budget.id, budget]));
    return this.of(found.map((each) => ({ ...each, budget: byId.get(each.key.budgetId ?? '') ?? null })));
  }

  /** The keys of deactivated users and teams, by id. */
  async #suspended(found: readonly FoundKey[]): Promise<ReadonlySet<string>> {
    if (found.length === 0) return new Set();
    const ids = (of: (key: VirtualKey) => string | null): string[] => [
      ...new Set(found.flatMap(({ key }) => of(key) ?? [])),
    ];
    // A key that is seen is shown as it is, also where its owner's row is hidden.
    const rows = await readAs(this.database, { system: 'owners-of-seen-keys' }, (manager) =>
      manager.query<{ noun: string; id: string }[]>(
        `SELECT 'user' AS noun, id FROM users WHERE id = ANY($1) AND NOT scim_active
         UNION ALL SELECT 'team', id FROM teams WHERE id = ANY($2) AND NOT scim_active`,
        [ids(({ userId }) => userId), ids(({ teamId }) => teamId)],
      ),
    );
    const gone = new Set(rows.map(({ noun, id }) => `${noun}:${id}`));
    return new Set(
      found
        .filter(({ key }) => gone.has(`user:${key.userId ?? ''}`) || gone.has(`team:${key.teamId ?? ''}`))
        .map(({ key }) => key.id),
    );
  }
}
