import type { VirtualKey } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { seesEverything } from './authority.js';

/** The parts of a key that decide who may look at it. */
export type KeyOwnership = Pick<VirtualKey, 'id' | 'userId' | 'teamId'>;

/** Administrators see every key; everybody sees the key they came with and those of their own user; a team's administrator sees the team's. */
export function maySeeKey(caller: Principal, key: KeyOwnership): boolean {
  if (seesEverything(caller)) return true;
  if (caller.key !== undefined && caller.key.id === key.id) return true;
  if (caller.user !== undefined && caller.user.id === key.userId) return true;
  return caller.team?.role === 'admin' && caller.team.id === key.teamId;
}
