import { AccessGroup, Team, VirtualKey, writeRow } from '#libs/database';
import { GatewayError, grantsEverything, type Principal, TEAM_MODELS } from '#libs/kernel';
import { type EntityManager, In } from 'typeorm';
import { makerOf } from './authority.js';
import { isPermittedInTeam } from './authority/member-permissions.js';
import { fieldForbidden } from './authority/refusals.js';
import { capacityInTeam, mayWrite, standingOf } from './authority/standing.js';
import type { Author, Transaction } from './transactions.js';

/** Who has access groups. The groups keep it, so that an assignment is one truth from both sides. */
export interface GroupHolder {
  readonly type: 'key' | 'team' | 'user';
  readonly id: string;
  /** The team of a key. */
  readonly teamId?: string | null;
}

const COLUMN = { key: 'keyIds', team: 'teamIds', user: 'userIds' } as const;
const STORED = { key: 'key_ids', team: 'team_ids', user: 'user_ids' } as const;

/**
 * Gives the holder exactly these access groups, inside the change of its row. What is so already changes nothing. A group grants
 * models, so giving and taking is the proxy administrators'; but whom the key's team lets (`/key/access_group_assignment`, and its
 * administrators) gives the keys of the team groups that the team has itself, and none that the key it came with lacks. Throws
 * one and the same 403 to everybody else, whether the group exists or not, and 400 to administrators for one that does not.
 */
export async function assignGroups(
  transaction: Transaction,
  author: Author,
  holder: GroupHolder,
  groupIds: readonly string[] | undefined,
): Promise<void> {
  if (groupIds === undefined) return;
  const { manager } = transaction;
  const column = COLUMN[holder.type];
  const isAdmin = author.principal.role === 'proxy_admin';
  const bound = isAdmin ? undefined : await boundOf(manager, author.principal, holder);
  const query = manager
    .createQueryBuilder(AccessGroup, 'one')
    .where(`one.id = ANY(:groupIds) OR :holder = ANY(one.${STORED[holder.type]})`, {
      groupIds,
      holder: holder.id,
    })
    .orderBy('one.id');
  const groups = await (
    isAdmin || bound !== undefined ? query.setLock('pessimistic_write') : query
  ).getMany();
  const known = new Set(groups.map(({ id }) => id));
  const wanted = new Set(groupIds);
  const isMissing = groupIds.some((id) => !known.has(id));
  const changed = groups.filter((group) => group[column].includes(holder.id) !== wanted.has(group.id));
  const mayGive = (group: AccessGroup): boolean => !wanted.has(group.id) || bound?.(group) === true;
  if (!isAdmin && (isMissing || (changed.length > 0 && !(bound !== undefined && changed.every(mayGive)))))
    throw fieldForbidden(
      'access_group_ids',
      'can only be set by a proxy administrator, or by whom the team of the key permits it, within the groups of the team.',
    );
  if (isMissing)
    throw new GatewayError('request.bad_field', "'access_group_ids' names a group that does not exist.", {
      param: 'access_group_ids',
    });
  for (const before of changed) {
    const others = before[column].filter((id) => id !== holder.id);
    const isTaken = !wanted.has(before.id);
    await write(transaction, makerOf(author.principal), before, {
      [column]: isTaken ? others : [...others, holder.id],
      ...(isTaken && holder.type === 'team'
        ? { keyIds: await keysOutside(manager, before.keyIds, [holder.id]) }
        : {}),
    });
  }
}

/** Takes what is deleted out of its access groups: a team or user that is made later under the same id is another one. */
export async function releaseGroups(
  transaction: Transaction,
  holder: GroupHolder,
  by: string,
): Promise<void> {
  await release(transaction, holder, by, () => true);
}

/**
 * A key that somebody other than a proxy administrator moves takes along only groups that its new team has as well: what a team
 * was given for itself is not carried to another team's budget.
 */
export async function leaveGroupsBehind(
  transaction: Transaction,
  author: Author,
  before: VirtualKey,
  after: VirtualKey,
): Promise<void> {
  const { id, teamId } = after;
  if (author.principal.role === 'proxy_admin' || before.teamId === teamId) return;
  await release(
    transaction,
    { type: 'key', id },
    makerOf(author.principal),
    (group) => teamId === null || !group.teamIds.includes(teamId),
  );
}

/** Those of the keys that are in none of the teams. A team that loses a group loses it for its keys as well: they may have it from nobody else. */
export async function keysOutside(
  manager: EntityManager,
  keyIds: readonly string[],
  teamIds: readonly string[],
): Promise<string[]> {
  if (keyIds.length === 0 || teamIds.length === 0) return [...keyIds];
  const inside = await manager.find(VirtualKey, {
    select: { id: true },
    where: { id: In([...keyIds]), teamId: In([...teamIds]) },
  });
  const lost = new Set(inside.map(({ id }) => id));
  return keyIds.filter((id) => !lost.has(id));
}

/** Which groups somebody who is no proxy administrator may give to the key; undefined: it may not touch them. */
async function boundOf(
  manager: EntityManager,
  caller: Principal,
  { type, teamId }: GroupHolder,
): Promise<((group: AccessGroup) => boolean) | undefined> {
  if (type !== 'key' || teamId === null || teamId === undefined) return undefined;
  // Locked before the permission is read: whoever takes it away meanwhile waits for this change, or this sees that it is gone.
  const team = await manager.findOne(Team, { where: { id: teamId }, lock: { mode: 'pessimistic_read' } });
  const standing = await standingOf(manager, caller);
  if (team === null || !mayWrite(standing)) return undefined;
  const isPermitted =
    capacityInTeam(standing, team) !== undefined ||
    isPermittedInTeam(standing, teamId, '/key/access_group_assignment');
  if (!isPermitted) return undefined;
  const callingKeyId = caller.key?.id;
  const callingKey =
    callingKeyId === undefined ? null : await manager.findOneBy(VirtualKey, { id: callingKeyId });
  const isNarrow =
    callingKeyId !== undefined &&
    (callingKey === null ||
      (callingKey.models.length > 0 &&
        !callingKey.models.some((model) => grantsEverything(model) || model === TEAM_MODELS)));
  return (group) =>
    group.teamIds.includes(teamId) && (!isNarrow || group.keyIds.includes(callingKeyId ?? ''));
}

async function release(
  transaction: Transaction,
  holder: GroupHolder,
  by: string,
  isLeft: (group: AccessGroup) => boolean,
): Promise<void> {
  const column = COLUMN[holder.type];
  const groups = await transaction.manager
    .createQueryBuilder(AccessGroup, 'one')
    .where(`:holder = ANY(one.${STORED[holder.type]})`, { holder: holder.id })
    .orderBy('one.id')
    .setLock('pessimistic_write')
    .getMany();
  for (const before of groups.filter(isLeft))
    await write(transaction, by, before, { [column]: before[column].filter((id) => id !== holder.id) });
}

async function write(
  transaction: Transaction,
  by: string,
  before: AccessGroup,
  columns: Partial<Pick<AccessGroup, 'keyIds' | 'teamIds' | 'userIds'>>,
): Promise<void> {
  const { manager } = transaction;
  const after = await writeRow(
    manager,
    AccessGroup,
    { id: before.id },
    {
      ...columns,
      updatedBy: by,
      updatedAt: new Date(),
    },
  );
  await transaction.record('updated', 'access_group', before.id, { before, after });
}
