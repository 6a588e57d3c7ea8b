import { ArchivedKey } from '#libs/database';
import type { EntityManager } from 'typeorm';
import { seesEverything } from './authority.js';
import { administered, type Standing } from './authority/standing.js';
import { type DepartedKey, toDeparted } from './key-archive.js';
import type { KeyFilter } from './key-filter.js';

/** A page of deleted keys that match and that somebody with this standing could see, and how many there are in all. */
export async function listDeparted(
  manager: EntityManager,
  standing: Standing,
  filter: KeyFilter,
  { page, size }: { readonly page: number; readonly size: number },
): Promise<readonly [readonly DepartedKey[], number]> {
  const query = manager.createQueryBuilder(ArchivedKey, 'archived').where("archived.reason = 'deleted'");
  const owners: [string, string | undefined][] = [
    ['user_id', filter.userId],
    ['team_id', filter.teamId],
    ['organization_id', filter.organizationId],
    ['project_id', filter.projectId],
    ['alias', filter.alias],
  ];
  for (const [column, value] of owners) {
    if (value !== undefined) query.andWhere(`archived.row ->> '${column}' = :${column}`, { [column]: value });
  }
  if (filter.hash !== undefined) query.andWhere('archived.tokenHash = :hash', { hash: filter.hash });
  if (!seesEverything(standing)) {
    const { organizationIds, teamIds } = administered(standing);
    query.andWhere(
      `(archived.id = :ownKey OR archived.row ->> 'user_id' = :ownUser OR archived.row ->> 'team_id' = ANY(:teamIds)
        OR archived.row ->> 'organization_id' = ANY(:organizationIds))`,
      // A null never equals anything, so an absent owner shows nothing.
      { ownKey: standing.keyId ?? null, ownUser: standing.userId ?? null, teamIds, organizationIds },
    );
  }
  const [rows, total] = await query
    .orderBy('archived.archiveId', 'DESC')
    .offset((page - 1) * size)
    .limit(size)
    .getManyAndCount();
  return [rows.map((row) => toDeparted(manager.dataSource, row)), total];
}
