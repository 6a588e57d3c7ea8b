import { AsyncLocalStorage } from 'node:async_hooks';
import type { Principal } from '#libs/kernel';
import type { DataSource, EntityManager } from 'typeorm';

/** Our own work, on nobody's behalf: jobs, migrations, the drain. */
export interface SystemActor {
  readonly system: string;
}

const running = new AsyncLocalStorage<{ open: boolean }>();

/**
 * Does `work` in one transaction on behalf of `_actor`: committed when it resolves, rolled back when it throws. The one
 * place in the product that begins a transaction, because row-level security will be told here who is asking (which is
 * why the actor is wanted already). Called inside itself it throws: the inner work would run on another connection,
 * commit on its own, and wait for ever when the pool is used up. Pass the manager along instead.
 */
export async function withTransaction<T>(
  dataSource: DataSource,
  _actor: Principal | SystemActor,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  if (running.getStore()?.open)
    throw new Error('withTransaction was called inside withTransaction: pass the manager along.');
  const transaction = { open: true };
  return running.run(transaction, async () => {
    try {
      return await dataSource.transaction(work);
    } finally {
      // Work that was started inside and outlives the transaction may begin its own.
      transaction.open = false;
    }
  });
}
