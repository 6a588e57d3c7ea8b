import type { EntityManager, EntityTarget, FindOptionsWhere, ObjectLiteral } from 'typeorm';

/** The row, locked until the transaction ends; null when there is none. */
export function lockRow<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  where: FindOptionsWhere<Row>,
): Promise<Row | null> {
  return manager.findOne(entity, { where, lock: { mode: 'pessimistic_write' } });
}

/**
 * Waits until nobody else's transaction has this name, and has it until its own ends: for what is true of rows that are not there yet. The
 * same in every process, so a name stays as it is.
 */
export async function lockName(manager: Pick<EntityManager, 'query'>, name: string): Promise<void> {
  await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
}

/** Inserts a row; answers it as it is then, with what the database adds. Throws the driver's error when there is one already. */
export async function insertRow<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  columns: Partial<Row>,
): Promise<Row> {
  // The library's own type of what can be inserted is too deep for JSON columns.
  await manager.insert(entity, { ...columns } as never);
  const id = manager.dataSource.getMetadata(entity).getEntityIdMap(columns);
  return manager.findOneByOrFail(entity, id as FindOptionsWhere<Row>);
}

/** Inserts a row unless one of its unique names is taken, also by a row that this connection may not see; answers whether it did. */
export async function insertUnlessTaken<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  columns: Partial<Row>,
): Promise<boolean> {
  const { primaryColumns } = manager.dataSource.getMetadata(entity);
  const { raw } = await manager
    .createQueryBuilder()
    .insert()
    .into(entity)
    .values(columns as never)
    .orIgnore()
    .returning(primaryColumns.map(({ propertyName }) => propertyName))
    .execute();
  return (raw as unknown[]).length > 0;
}

/** Writes columns of one row; answers it as it is then. Throws when there is none. */
export async function writeRow<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: EntityTarget<Row>,
  where: FindOptionsWhere<Row>,
  columns: Partial<Row>,
): Promise<Row> {
  await manager.update(entity, where, columns as never);
  return manager.findOneByOrFail(entity, where);
}
