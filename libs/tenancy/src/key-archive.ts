import { ArchivedKey, VirtualKey } from '#libs/database';
import type { DataSource, EntityManager } from 'typeorm';
import { entityFromRow } from './rows.js';

/** A key that is gone, as it was. */
export interface DepartedKey {
  readonly key: VirtualKey;
  readonly deletedAt: Date;
  readonly deletedBy: string | null;
}

/**
 * Copies rows of `virtual_keys` into the archive as they are in the table. Amounts travel as text: a JSON number would
 * round them. The rows must be locked by the caller's transaction.
 */
export async function archiveKeys(
  manager: EntityManager,
  ids: readonly string[],
  reason: ArchivedKey['reason'],
  by: string,
): Promise<void> {
  await manager.query(
    `INSERT INTO archived_keys (id, token_hash, "row", reason, deleted_by)
     SELECT k.id, k.token_hash,
            to_jsonb(k) || jsonb_build_object('max_budget_nano', k.max_budget_nano::text, 'soft_budget_nano', k.soft_budget_nano::text),
            $2, $3
       FROM virtual_keys k WHERE k.id = ANY($1)`,
    [ids, reason, by],
  );
}

/** The latest archived row under each of the hashes. */
export async function findDeparted(
  manager: EntityManager,
  hashes: readonly string[],
): Promise<Map<string, DepartedKey>> {
  const rows = await manager
    .createQueryBuilder(ArchivedKey, 'archived')
    .where('archived.tokenHash IN (:...hashes)', { hashes: [...hashes, ''] })
    .orderBy('archived.archiveId', 'ASC')
    .getMany();
  return new Map(rows.map((row) => [row.tokenHash, toDeparted(manager.dataSource, row)]));
}

export function toDeparted(database: DataSource, archived: ArchivedKey): DepartedKey {
  return {
    key: entityFromRow(database, VirtualKey, archived.row),
    deletedAt: archived.deletedAt,
    deletedBy: archived.deletedBy,
  };
}
