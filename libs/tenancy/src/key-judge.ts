import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Team, VirtualKey } from '#libs/database';
import { Clock, GatewayError, type Principal } from '#libs/kernel';
import type { EntityManager } from 'typeorm';
import { assertMayActOnKey, assertMayHoldSecret, type KeyAction } from './authority/key-access.js';
import { judgeKeyChange, judgeNewKey } from './authority/key-judgement.js';
import { loadKeyJudgement, placesOf } from './authority/load-judgement.js';
import { adminOnly } from './authority/refusals.js';
import { type Standing, standingOf } from './authority/standing.js';
import { assertReferences } from './key-references.js';
import { keyNotFound } from './key-refusals.js';

/** A change of a key as it was asked for. */
export interface AskedChange {
  readonly columns: Partial<VirtualKey>;
  /** It also sets what the key has spent: a change of money, whatever the columns say. */
  readonly setsSpend?: boolean;
  /** The asker gets the secret. */
  readonly givesSecret?: boolean;
  readonly action?: KeyAction;
}

/** Gathers what a judgement over a key is made from, inside the transaction that writes it, and has it judged. */
@Injectable()
export class KeyJudge {
  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  /** The row to insert for a key that `caller` may make. Throws the refusal. */
  async newKey(manager: EntityManager, caller: Principal, draft: VirtualKey): Promise<VirtualKey> {
    const judgement = await loadKeyJudgement(manager, caller, draft, this.#circumstances());
    const row = { ...draft, ...judgeNewKey(draft, judgement) };
    await assertReferences(manager, undefined, row, await teamOf(manager, row));
    return row;
  }

  /** The locked row and the columns to write, when `caller` may. Throws the refusal, or 404 to an administrator when there is no row. */
  async change(
    manager: EntityManager,
    caller: Principal,
    before: VirtualKey | undefined,
    { columns, setsSpend = false, givesSecret = false, action = 'update' }: AskedChange,
  ): Promise<{ readonly before: VirtualKey; readonly columns: Partial<VirtualKey> }> {
    const standing = await standingOf(manager, caller);
    if (before === undefined) throw missing(standing, action);
    const after: VirtualKey = { ...before, ...columns };
    const [place] = await placesOf(manager, [before]);
    const capacity = assertMayActOnKey(standing, action, place);
    const circumstances = { ...this.#circumstances(), standing };
    judgeKeyChange(capacity, before, after, await loadKeyJudgement(manager, caller, after, circumstances));
    if (setsSpend) assertMayActOnKey(standing, 'reset_spend', place);
    if (givesSecret) assertMayHoldSecret(standing, before);
    await assertReferences(manager, before, after, await teamOf(manager, after));
    return { before, columns };
  }

  /**
   * The keys, when `caller` may do this to all of them; one that is another's refuses the whole as one that is not there.
   * `named`: how many were asked for.
   */
  async actions(
    manager: EntityManager,
    caller: Principal,
    action: KeyAction,
    keys: readonly VirtualKey[],
    named = 1,
  ): Promise<readonly VirtualKey[]> {
    const standing = await standingOf(manager, caller);
    // One missing among others would tell those apart that are another's.
    if (keys.length < named && standing.role !== 'proxy_admin') throw missing(standing, action);
    for (const place of await placesOf(manager, keys)) assertMayActOnKey(standing, action, place);
    return keys;
  }

  /** Throws unless `caller` is a proxy administrator. */
  assertAdministrator(caller: Principal): void {
    if (caller.role !== 'proxy_admin') throw adminOnly('keys', caller.role);
  }

  #circumstances(): { grants: { editableFields: readonly string[] }; nowMs: number } {
    return {
      grants: { editableFields: this.config.keys.teamAdminEditableFields },
      nowMs: this.clock.nowMs(),
    };
  }
}

async function teamOf(
  manager: EntityManager,
  { teamId }: VirtualKey,
): Promise<{ readonly team: Team | null }> {
  return { team: teamId === null ? null : await manager.findOneBy(Team, { id: teamId }) };
}

/** Administrators are told that there is no such key; the others what they are told of another's. */
function missing(standing: Standing, action: KeyAction): GatewayError {
  if (standing.role === 'proxy_admin') return keyNotFound();
  try {
    assertMayActOnKey(standing, action, undefined);
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  return keyNotFound();
}
