import { Injectable, Module } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Config } from '#libs/config';
import { type ChangeNoun, Changes } from '#libs/database';
import { Clock, type Principal } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import {
  memberIn,
  type MembershipRow,
  membershipsOf,
  type Standing,
  standingOf,
  standingWith,
} from './standing.js';

/** What callers are, for their reading. */
export abstract class Standings {
  /** One query at most. */
  abstract of(manager: EntityManager, caller: Principal): Promise<Standing>;
}

/** Where no changes are heard of: from what somebody who hears of them gave along with the caller; without it, asked each time. */
export class GivenStandings extends Standings {
  readonly #given = new WeakMap<Principal, readonly MembershipRow[]>();

  give(caller: Principal, memberships: readonly MembershipRow[]): void {
    this.#given.set(caller, memberships);
  }

  override async of(manager: EntityManager, caller: Principal): Promise<Standing> {
    const given = this.#given.get(caller);
    return given === undefined ? standingOf(manager, caller) : standingWith(caller, given);
  }
}

const MOST_KEPT = 1_000;
/** A change of one of these may make anybody's standing another one. */
const SHAPING: ReadonlySet<ChangeNoun> = new Set([
  'user',
  'team',
  'team_member',
  'organization',
  'organization_member',
]);

interface Kept {
  readonly memberships: readonly MembershipRow[];
  readonly askedMs: number;
}

/**
 * Asked once and dropped with every change of a membership, like the callers that authentication keeps. Only while
 * changes are heard, and no longer than a key is kept. The database's wall asks for itself: what is kept here a moment too long finds
 * no row that is not the caller's any more. What writes asks in its own transaction (`standingOf`).
 */
@Injectable()
export class KeptStandings extends Standings {
  readonly #kept = new LRUCache<string, Kept>({ max: MOST_KEPT });
  #changesHeard = 0;

  constructor(
    private readonly changes: Changes,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {
    super();
    changes.subscribe({
      onChange: ({ noun }) => {
        if (SHAPING.has(noun)) this.#forget();
      },
      onGap: () => this.#forget(),
    });
  }

  override async of(manager: EntityManager, caller: Principal): Promise<Standing> {
    return standingWith(caller, await this.memberships(manager, caller));
  }

  /** For `GivenStandings` elsewhere. */
  async memberships(manager: EntityManager, caller: Principal): Promise<readonly MembershipRow[]> {
    const userId = memberIn(caller);
    if (userId === undefined) return [];
    const askedMs = this.clock.monotonicMs();
    const kept = this.#kept.get(userId);
    if (
      kept !== undefined &&
      this.changes.state() === 'live' &&
      askedMs - kept.askedMs < this.config.auth.keyCacheTtlMs
    )
      return kept.memberships;
    const heard = this.#changesHeard;
    const memberships = await membershipsOf(manager, userId);
    // A change that came in between may not be in what was read.
    if (heard === this.#changesHeard && this.changes.state() === 'live')
      this.#kept.set(userId, { memberships, askedMs });
    return memberships;
  }

  #forget(): void {
    this.#changesHeard += 1;
    this.#kept.clear();
  }
}

/** Apart, for rooms that only read. Needs `Changes`, `Clock` and `Config` from whoever assembles the product. */
@Module({
  providers: [KeptStandings, { provide: Standings, useExisting: KeptStandings }],
  exports: [KeptStandings, Standings],
})
export class StandingsModule {}
