import { AccessGroup } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { makerOf } from './authority.js';
import { fieldForbidden } from './authority/refusals.js';
import type { Author, Transaction } from './transactions.js';

const COLUMN = { key: 'keyIds', team: 'teamIds' } as const;

/**
 * Gives the key or team exactly these access groups, inside the change of its row. The groups keep who has them, so the assignment is
 * one truth from both sides. What is so already changes nothing; otherwise proxy administrators only, because a group grants
 * models. Throws 403 to everybody else, 400 for a group that does not exist.
 */
export async function assignGroups(
  transaction: Transaction,
  author: Author,
  owner: { readonly type: 'key' | 'team'; readonly id: string },
  groupIds: readonly string[] | undefined,
): Promise<void> {
  if (groupIds === undefined) return;
  const { manager } = transaction;
  const column = COLUMN[owner.type];
  const holders = column === 'keyIds' ? 'key_ids' : 'team_ids';
  const isAdmin = author.principal.role === 'proxy_admin';
  const query = manager
    .createQueryBuilder(AccessGroup, 'one')
    .where(`one.id = ANY(:groupIds) OR :owner = ANY(one.${holders})`, { groupIds, owner: owner.id })
    .orderBy('one.id');
  const groups = await (isAdmin ? query.setLock('pessimistic_write') : query).getMany();
  const known = new Set(groups.map(({ id }) => id));
  const wanted = new Set(groupIds);
  const isMissing = groupIds.some((id) => !known.has(id));
  const changed = groups.filter((group) => group[column].includes(owner.id) !== wanted.has(group.id));
  if (!isAdmin && (isMissing || changed.length > 0))
    throw fieldForbidden('access_group_ids', 'can only be set by a proxy administrator.');
  if (isMissing)
    throw new GatewayError('request.bad_field', "'access_group_ids' names a group that does not exist.", {
      param: 'access_group_ids',
    });
  for (const before of changed) {
    const others = before[column].filter((id) => id !== owner.id);
    await manager.update(AccessGroup, { id: before.id }, {
      [column]: wanted.has(before.id) ? [...others, owner.id] : others,
      updatedBy: makerOf(author.principal),
      updatedAt: new Date(),
    } as never);
    const after = await manager.findOneByOrFail(AccessGroup, { id: before.id });
    await transaction.record('updated', 'access_group', before.id, { before, after });
  }
}

/** Takes a deleted team out of its access groups: a team that is made later under the same id is another one. */
export async function releaseGroups(transaction: Transaction, teamId: string, by: string): Promise<void> {
  const { manager } = transaction;
  const groups = await manager
    .createQueryBuilder(AccessGroup, 'one')
    .where(':teamId = ANY(one.team_ids)', { teamId })
    .orderBy('one.id')
    .setLock('pessimistic_write')
    .getMany();
  for (const before of groups) {
    const teamIds = before.teamIds.filter((id) => id !== teamId);
    await manager.update(AccessGroup, { id: before.id }, { teamIds, updatedBy: by, updatedAt: new Date() });
    const after = await manager.findOneByOrFail(AccessGroup, { id: before.id });
    await transaction.record('updated', 'access_group', before.id, { before, after });
  }
}
