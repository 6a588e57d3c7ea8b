import { AsyncLocalStorage } from 'node:async_hooks';
import type { Principal } from '#libs/kernel';
import type { DataSource, EntityManager } from 'typeorm';
import { Turnstile } from './turnstile.js';
import {
  enterTenancy,
  isBehindWall,
  isWallStanding,
  refusedByWall,
  type SystemActor,
} from './tenancy/tenancy-wall.js';

/** Callers' changes of one row queue behind each other, each with a connection: without a bound the look-up of keys would find none. */
const TURNSTILES = new WeakMap<DataSource, Turnstile>();

const running = new AsyncLocalStorage<{ open: boolean }>();
/** Whether the wall stands does not change while a process runs. */
const STANDING = new WeakMap<DataSource, Promise<boolean>>();
const READING_POOLS = new WeakMap<DataSource, () => Promise<DataSource>>();

/**
 * Does `work` in one transaction on behalf of `actor`: committed when it resolves, rolled back when it throws. The one
 * place in the product that begins a transaction: row-level security is told here who is asking, so that a forgotten
 * condition finds nothing of anybody else's. Called inside itself it throws: the inner work would run on another connection,
 * commit on its own, and wait for ever when the pool is used up. Pass the manager along instead. Callers' transactions take at
 * most half of the connections at once; the others wait.
 */
export async function withTransaction<T>(
  dataSource: DataSource,
  actor: Principal | SystemActor,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  return alone(async () => {
    if ('system' in actor) return dataSource.transaction(work);
    const tenant = isBehindWall(actor) && (await stands(dataSource)) ? actor : undefined;
    return turnstileOf(dataSource).pass(() =>
      tenant === undefined ? dataSource.transaction(work) : behindWall(dataSource, tenant, work),
    );
  });
}

/**
 * Reads on behalf of `reader`, seeing what `withTransaction` would show it, and nothing can be written. Uses the connections kept for
 * people's reading, where there are such (`keepReadingPool`), so that browsing never waits for, or holds up, the proxy. One
 * statement after the other: `work` must not ask two things at once.
 */
export async function readAs<T>(
  dataSource: DataSource,
  reader: Principal | SystemActor,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  return alone(async () => {
    const pool = (await READING_POOLS.get(dataSource)?.()) ?? dataSource;
    const tenant = isBehindWall(reader) && (await stands(dataSource)) ? reader : undefined;
    if (tenant === undefined) return work(pool.manager);
    return behindWall(pool, tenant, work, 'read only');
  });
}

/** From now on `readAs` of this data source uses the connections of that one, opened when somebody first reads. */
export function keepReadingPool(dataSource: DataSource, pool: () => Promise<DataSource>): void {
  READING_POOLS.set(dataSource, pool);
}

/** Asked once for each data source; a failure to ask is not remembered. */
function stands(dataSource: DataSource): Promise<boolean> {
  const known = STANDING.get(dataSource);
  if (known !== undefined) return known;
  const asked = isWallStanding(dataSource);
  STANDING.set(dataSource, asked);
  asked.catch(() => STANDING.delete(dataSource));
  return asked;
}

function turnstileOf(dataSource: DataSource): Turnstile {
  const known = TURNSTILES.get(dataSource);
  if (known !== undefined) return known;
  const { poolSize = 10 } = dataSource.options as { poolSize?: number };
  const made = new Turnstile(Math.floor(poolSize / 2));
  TURNSTILES.set(dataSource, made);
  return made;
}

async function behindWall<T>(
  dataSource: DataSource,
  tenant: Principal,
  work: (manager: EntityManager) => Promise<T>,
  mode?: 'read only',
): Promise<T> {
  try {
    return await dataSource.transaction(async (manager) => {
      if (mode !== undefined) await manager.query('SET TRANSACTION READ ONLY');
      await enterTenancy(manager, tenant);
      return work(manager);
    });
  } catch (thrown) {
    throw refusedByWall(thrown);
  }
}

async function alone<T>(work: () => Promise<T>): Promise<T> {
  if (running.getStore()?.open)
    throw new Error('withTransaction was called inside withTransaction: pass the manager along.');
  const transaction = { open: true };
  return running.run(transaction, async () => {
    try {
      return await work();
    } finally {
      // Work that was started inside and outlives the transaction may begin its own.
      transaction.open = false;
    }
  });
}
